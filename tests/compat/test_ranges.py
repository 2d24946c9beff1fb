"""Ranges of values, degenerate and empty inputs: each call on the peer and on its adapter.

Each table holds the expected result of its calls. If the peer and the adapter differ, the table has
both results. So a test fails if a new release of a peer changes, and docs/migrating.md can be
corrected.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx, torch
from tests import readers
from tests.compat import faces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch_itself: Any = pytest.importorskip("torch")
    torch_peer: Any = pytest.importorskip("torch.utils.tensorboard")
    tensorboardx_peer: Any = pytest.importorskip("tensorboardX")
    pytest.importorskip("soundfile")
    mpl: Any = pytest.importorskip("matplotlib")

FACES: dict[str, tuple[Any, Any]] = {
    "torch": (torch, torch_peer),
    "tensorboardx": (tensorboardx, tensorboardx_peer),
}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")

TIME = 1_700_000_000.0
RANDOM = np.random.default_rng(12)
IMAGE = RANDOM.random((3, 16, 24)).astype(np.float32)
BATCH = RANDOM.random((3, 3, 6, 8)).astype(np.float32)
POINTS = RANDOM.random((1, 5, 3)).astype(np.float32)
TONE = np.sin(np.arange(80) / 9).astype(np.float32)
tensor = torch_itself.tensor


def histogram(data: Any, bins: Any = "tensorflow", max_bins: Any = None) -> Callable[..., Any]:
    return lambda w, t: w.add_histogram(t, data, 1, bins, TIME, max_bins)


def raw(*arguments: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_histogram_raw(t, *arguments, 1, TIME)


def scalar(value: Any, step: Any = 1, time: Any = TIME) -> Callable[..., Any]:
    return lambda w, t: w.add_scalar(t, value, step, time)


def scalars(values: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_scalars(t, values, 1, TIME)


def image(data: Any, dataformats: str = "CHW") -> Callable[..., Any]:
    return lambda w, t: w.add_image(t, data, 1, TIME, dataformats)


def images(data: Any, dataformats: str = "NCHW") -> Callable[..., Any]:
    return lambda w, t: w.add_images(t, data, 1, TIME, dataformats)


def boxes(corners: Any, **keywords: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_image_with_boxes(t, IMAGE, corners, 1, TIME, **keywords)


def video(data: Any, fps: Any = 4) -> Callable[..., Any]:
    return lambda w, t: w.add_video(t, data, 1, fps, TIME)


def audio(data: Any, rate: Any = 8000) -> Callable[..., Any]:
    return lambda w, t: w.add_audio(t, data, 1, rate, TIME)


def text(data: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_text(t, data, 1, TIME)


def curve(labels: Any, predictions: Any, thresholds: Any = 127) -> Callable[..., Any]:
    return lambda w, t: w.add_pr_curve(
        t, np.array(labels), np.array(predictions), 1, thresholds, None, TIME
    )


def mesh(vertices: Any, colors: Any = None, faces: Any = None, config: Any = None) -> Any:
    return lambda w, t: w.add_mesh(t, tensor(vertices), colors, faces, config, 1, TIME)


def hparams(values: Any, metrics: Any, *domains: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_hparams(values, metrics, *domains)


def embedding(*arguments: Any) -> Callable[..., Any]:
    return lambda w, t: w.add_embedding(*arguments)


#: Calls of which both loaders show the same.
SAME: dict[str, Callable[..., Any]] = {
    # histograms
    "one number": histogram(3.0),
    "a tensor without axes": histogram(tensor(3.0)),
    "equal values": histogram(np.ones(7)),
    "zeros": histogram(np.zeros(7)),
    "bools": histogram(np.array([True, False])),
    "int64": histogram(np.arange(-5, 10)),
    "below the smallest bin": histogram(np.array([1e-20, 2e-20])),
    "negative": histogram(-RANDOM.random(100)),
    "both signs": histogram(RANDOM.normal(size=500)),
    "one bin": histogram(np.arange(5.0), 1),
    "17 bins": histogram(RANDOM.normal(size=500), 17),
    "edges within the values": histogram(np.arange(5.0), [1.0, 2.0, 3.0]),
    "edges around the values": histogram(np.arange(5.0), [-9.0, -1.0, 2.0, 7.0, 9.0]),
    "no value within the edges": histogram(np.arange(5.0), [10.0, 20.0]),
    "at most one bin": histogram(np.arange(50.0), "auto", 1),
    "raw": raw(0, 4, 6, 12.0, 40.0, [1.0, 2, 3, 4, 5], [0, 2, 0, 4, 0]),
    "raw with empty ends": raw(0.5, 2.5, 11, 9.0, 9.0, [0.0, 1, 2, 3, 4], [0, 5, 0, 6, 0]),
    "raw of tensors": raw(*map(tensor, (0, 4, 6, 12.0, 40.0, [1.0, 5], [2, 4]))),
    "raw and empty": raw(0, 4, 0, 0, 0, [], []),
    "raw and all zero": raw(0, 4, 0, 0, 0, [1.0, 2.0], [0, 0]),
    # scalars, tags, steps and times
    "[[1]]": scalar(torch_itself.ones(1, 1)),
    "beyond float32": scalar(1e300),
    "NaN": scalar(float("nan")),
    "a bool": scalar(True),
    "a step of a float": scalar(1.0, 1.7),
    "a step of a tensor": scalar(1.0, tensor([3])),
    "a step of a string": scalar(1.0, "3"),
    "a negative step": scalar(1.0, -1),
    "a step of a bool": scalar(1.0, True),
    "a time of 0": scalar(1.0, 1, 0),
    "no scalars": scalars({}),
    "a key of nothing": scalars({"": 1.0}),
    # pictures
    "dataformats in small letters": image(IMAGE, "chw"),
    "a tensor that needs a gradient": image(torch_itself.tensor(IMAGE, requires_grad=True)),
    "one row": image(IMAGE[:, :1]),
    "a batch of one": images(BATCH[:1]),
    "no boxes, of no axes": boxes(tensor([])),
    "no boxes": boxes(np.zeros((0, 4))),
    "boxes of NaN": boxes(np.full((1, 4), np.nan)),
    "boxes from right to left": boxes(np.array([[9, 9, 2, 2.0]])),
    "boxes with scores": boxes(np.array([[1, 1, 9, 9, 0.5]])),
    "boxes beyond the picture": boxes(np.array([[-5.0, -5, 90, 90]])),
    # sound
    "[frames, 1]": audio(TONE[:, None]),
    "louder than 1": audio(TONE * 3),
    # the others
    "empty text": text(""),
    "one threshold": curve([1, 0], [0.9, 0.1], 1),
    "two thresholds": curve([1, 0], [0.9, 0.1], 2),
    "500 thresholds": curve([1, 0], [0.9, 0.1], 500),
    "no predictions": curve([], []),
    "a raw curve of one": lambda w, t: w.add_pr_curve_raw(t, *[[1.0]] * 6, 1, 1, None, TIME),
}
#: … of torch, or of tensorboardX, alone.
ONLY: dict[str, dict[str, Callable[..., Any]]] = {
    "torch": {
        "a histogram of bfloat16": histogram(torch_itself.ones(3, dtype=torch_itself.bfloat16)),
        "[1, frames]": audio(TONE[None]),
        "[1, 1, frames]": audio(TONE[None, None]),
        "float16 audio": audio(torch_itself.from_numpy(TONE).half()),
        "a clipped picture": image(IMAGE * 3 - 1),
        "all below 0": image(-1 - np.zeros((3, 4, 4), np.float32)),
        "a mesh of floats": mesh(POINTS, faces=tensor([[[0.0, 1, 2]]])),
        "a mesh of no points": mesh(POINTS[:, :0]),
        "colours to 100, not whole": mesh(POINTS, (tensor(POINTS) * 100).floor()),
    },
    "tensorboardx": {
        "a list of numbers": histogram([1.0, 2.0, 2.5]),
        "a scalar in a list": scalar([1.0]),
        "a picture in lists": image(IMAGE.tolist()),
        "4 channels": images(BATCH[:, [0, 1, 2, 0]]),
        "boxes in lists": boxes([[1, 1, 5, 5]]),
        "no boxes in a list": boxes([]),
        "a label alone": boxes(np.ones((1, 4)), labels="x"),
        "[frames, 2]": audio(np.stack([TONE, -TONE], 1)),
        "audio in a list": audio([0.0, 0.5]),
        "one frame": audio(TONE[:1]),
    },
}
# Where the peers have other tags than TensorBoard (`mesh_1`) the call is torch's alone.


@pytest.fixture(scope="module", params=FACES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The series of `SAME` of peer and adapter, by loader; each call has its own tag."""
    face, peer = FACES[request.param]
    calls = {**SAME, **ONLY[request.param]}
    found = {}
    for who, module in (("peer", peer), ("face", face)):
        directory = tmp_path_factory.mktemp(who)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            module.SummaryWriter(str(directory)) as writer,
        ):
            warnings.simplefilter("ignore")
            for number, call in enumerate(calls.values()):
                call(writer, f"t{number:03}")
        for loader in faces.LOADERS:
            found[who, loader] = readers.read_runs(directory, loader)
    return list(calls), found


def series_of(runs: faces.Runs, tag: str) -> dict[tuple[str, str], readers.Series]:
    return {
        (run, each): series
        for run, tags in runs.items()
        for each, series in tags.items()
        if each.startswith(tag)
    }


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_the_same_is_shown(written: Any, loader: str) -> None:
    names, found = written
    wrong = []
    for number, name in enumerate(names):
        theirs = series_of(found["peer", loader], f"t{number:03}")
        ours = series_of(found["face", loader], f"t{number:03}")
        try:
            assert theirs.keys() == ours.keys()
            for key, series in theirs.items():
                faces.assert_same(series, ours[key], exact=loader == "python")
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_no_bucket_ends_before_it_begins(written: Any, loader: str) -> None:
    names, found = written
    for number, name in enumerate(names):
        if name == "raw and all zero":
            continue  # its limits have nothing to do with its values
        for series in series_of(found["face", loader], f"t{number:03}").values():
            if series.plugin == "histograms":
                edges = faces.array(series)
                assert (edges[:, 0] <= edges[:, 1]).all(), name
                np.testing.assert_array_equal(edges[1:, 0], edges[:-1, 1], name)


#: Calls that both refuse, with words of the adapter's error.
REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "no bins": (histogram(np.arange(5.0), 0), "bins"),
    "unknown bins": (histogram(np.arange(5.0), "many"), "many.*bins"),
    "bins of 0 at most": (histogram(np.arange(50.0), "auto", 0), "max_bins must be above 0"),
    "text as values": (histogram("abc"), "values must be numbers, got 'abc'"),
    "None as values": (histogram(None), "values"),
    "limits and counts": (raw(0, 4, 6, 1.0, 1.0, [1.0], [0, 2]), "bucket_limits and bucket_counts"),
    "two scalars": (scalar(tensor([1.0, 2])), r"scalar_value must be one number, got shape \(2,\)"),
    "no scalar": (scalar(np.zeros(0)), r"scalar_value must be one number, got shape \(0,\)"),
    "a scalar of text": (scalar("x"), "scalar_value must be a real number.*'x'"),
    "a scalar of None": (scalar(None), "scalar_value must be a real number.*None"),
    "a complex scalar": (scalar(1j), "scalar_value must be a real number.*1j"),
    "a step of words": (scalar(1.0, "x"), "global_step must be an integer.*'x'"),
    "a step of NaN": (scalar(1.0, float("nan")), "global_step must be an integer.*nan"),
    "a step of a list": (scalar(1.0, [1]), r"global_step must be an integer.*\[1\]"),
    "a step beyond int64": (scalar(1.0, 2**64), "64-bit"),
    "a time of text": (scalar(1.0, 1, "x"), "walltime must be finite seconds.*'x'"),
    "a tag of a number": (lambda w, t: w.add_scalar(3, 1.0, 1), "tag must be a string, got 3"),
    "a key of a number": (scalars({1: 1.0}), "tag_scalar_dict must have strings as keys, got 1"),
    "scalars in a list": (scalars([1.0]), "tag_scalar_dict must be a dict"),
    "None among scalars": (scalars({"b": None}), r"tag_scalar_dict\['b'\] must be a real number"),
    "5 channels": (image(np.zeros((5, 9, 9))), "img_tensor.*CHW has 5 channels"),
    "an axis missing": (image(np.zeros((9, 9))), "pass dataformats='HW'"),
    "an axis too many": (images(IMAGE), "dataformats 'NCHW' names 4 axes.*pass dataformats='CHW'"),
    "axes in the wrong order": (image(IMAGE, "HWC"), "24 channels.*pass dataformats='CHW'"),
    "no pixels": (image(np.zeros((3, 0, 9))), "no pixels"),
    "an axis twice": (image(IMAGE, "CCC"), "dataformats is 'CCC'"),
    "unknown axes": (image(IMAGE, "xyz"), "dataformats is 'xyz'"),
    "None as picture": (image(None), "img_tensor"),
    "no pictures": (images(BATCH[:0]), "img_tensor is a batch of no images"),
    "boxes of one axis": (boxes(np.zeros(4)), r"box_tensor must be \[boxes, 4\]"),
    "None as boxes": (boxes(None), "box_tensor"),
    "a scale of 0": (boxes(np.ones((1, 4)), rescale=0), "rescale must be above 0"),
    "None as figure": (lambda w, t: w.add_figure(t, None, 1), "figure must be"),
    "no figures": (lambda w, t: w.add_figure(t, [], 1), "figure must be"),
    "a clip of 4 axes": (video(BATCH), "vid_tensor must have five axes"),
    "no clips": (video(np.zeros((0, 2, 3, 4, 4))), "vid_tensor has no clips"),
    "sound of 3 axes": (audio(np.zeros((3, 2, 80))), "snd_tensor must be"),
    "many channels": (audio(np.zeros((80, 6))), "snd_tensor must be"),
    "a rate of 0": (audio(TONE, 0), "sample_rate must be an integer from 1 to 16777216, got 0"),
    "a number as text": (text(3), "text_string must be a string, got 3"),
    "None as text": (text(None), "text_string must be a string, got None"),
    "no thresholds": (curve([1, 0], [0.9, 0.1], 0), "num_thresholds"),
    "thresholds of a float": (curve([1, 0], [0.9, 0.1], 5.0), "num_thresholds"),
    "labels without predictions": (curve([1], [0.9, 0.1]), r"\(1,\) and \(2,\)"),
    "rows of two lengths": (
        lambda w, t: w.add_pr_curve_raw(t, *[[1.0]] * 5, [1.0, 2.0], 1),
        "each row must have one number for each threshold.*recall",
    ),
    "a band of two": (
        lambda w, t: w.add_custom_scalars({"a": {"b": ["Margin", ["c", "d"]]}}),
        "groups of three tags",
    ),
    "a layout in a list": (lambda w, t: w.add_custom_scalars([]), "layout must be a mapping"),
    "hyperparameters in a list": (hparams([], {}), "hparam_dict must be a dict"),
    "a metric of text": (
        hparams({"a": 1}, {"m": "x"}),
        r"metric_dict\['m'\] must be a real number",
    ),
    "a number as name": (hparams({1: 1}, {}), "name must be a string, got 1"),
    "points on a line": (embedding(np.zeros(3)), r"mat must be \[points, dimensions\]"),
    "labels missing": (embedding(np.zeros((3, 2)), ["a"]), "metadata must have one label for each"),
    "pictures missing": (
        embedding(torch_itself.zeros(3, 2), None, torch_itself.rand(2, 3, 4, 4)),
        "label_img must have one picture for each",
    ),
}
REFUSED_BY_TORCH: dict[str, tuple[Callable[..., Any], str]] = {
    "a domain of nothing": (hparams({"a": 1}, {}, {"b": [1]}), "hparam_domain_discrete.*'b'"),
    "a domain of other types": (hparams({"a": 1}, {}, {"a": ["x"]}), r"domains\['a'\]"),
    "a domain in no list": (hparams({"a": 1}, {}, {"a": 1}), "hparam_domain_discrete"),
    "domains in a list": (hparams({"a": 1}, {}, [1]), "hparam_domain_discrete must be a dict"),
    "a hyperparameter of a list": (hparams({"a": [1]}, {}), r"hparam_dict\['a'\]"),
}

#: Errors that peers raise by accident; the adapter raises ValueError or TypeError instead.
ACCIDENTS = (AttributeError, IndexError, ZeroDivisionError, SystemError)
#: … and where one of ValueError and TypeError stands for the other.
CHANGED = {
    "torch": {
        *("text as values", "a scalar of text", "a metric of text"),  # ValueError, for a wrong type
        *("5 channels", "axes in the wrong order", "no clips"),  # TypeError, for a wrong shape
        "a rate of 0",  # wave.Error
    },
    "tensorboardx": {
        *("5 channels", "axes in the wrong order", "no clips"),
        "a rate of 0",  # soundfile.LibsndfileError
    },
}


def outcome(module: Any, call: Callable[..., Any], directory: Path) -> Exception | None:
    """The error of a call on a new writer, raised at once or when the writer is closed."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            with module.SummaryWriter(str(directory)) as writer:
                call(writer, "a")
        except Exception as error:
            return error
    return None


CASES = [
    (face, name, *case)
    for face, table in (
        ("torch", {**REFUSED, **REFUSED_BY_TORCH}),
        ("tensorboardx", REFUSED),
    )
    for name, case in table.items()
]


@pytest.mark.parametrize(
    ("name", "case", "call", "match"), CASES, ids=[f"{face}: {name}" for face, name, *_ in CASES]
)
def test_errors_have_the_type_of_the_peers(
    name: str, case: str, call: Callable[..., Any], match: str, tmp_path: Path
) -> None:
    face, peer = FACES[name]
    theirs = outcome(peer, call, tmp_path / "peer")
    assert theirs is not None
    ours = outcome(face, call, tmp_path / "face")
    assert isinstance(ours, (ValueError, TypeError))
    assert re.search(match, str(ours)), ours
    of_peer = isinstance(ours, type(theirs))
    assert of_peer != (isinstance(theirs, ACCIDENTS) or case in CHANGED[name]), repr(theirs)


def both(*names: str) -> tuple[str, ...]:
    return names or tuple(FACES)


def counts(value: Any) -> list[float]:
    return [count for count in value.array()[:, 2] if count]


def size(value: Any) -> tuple[int, int]:
    return int(value[0]), int(value[1])


def sound(value: Any) -> tuple[int, int]:
    """Channels and frames."""
    channels, width, _, frames = faces.samples(faces.strings(value)[0])
    return channels, len(frames) // channels // width


CLIP = np.zeros((1, 2, 3, 4, 4), np.uint8)

#: Calls of which a peer shows nothing or a wrong value, and the right value of the adapter.
BETTER: dict[str, tuple[tuple[str, ...], Callable[..., Any], Callable[[Any], Any]]] = {
    "a histogram of nothing": (both(), histogram(np.zeros(0)), lambda v: counts(v) == []),
    "NaN among values": (
        both(),
        histogram(np.array([1, np.nan])),
        lambda v: v.array()[-1].tolist() == [1, 1, 1],
    ),
    "values beyond all bins": (
        both(),
        histogram(np.array([1e30, -1e30])),
        lambda v: counts(v) == [1, 1],
    ),
    "a list of values": (both("torch"), histogram([1.0, 1.0]), lambda v: counts(v) == [2]),
    "bfloat16": (
        both("tensorboardx"),
        histogram(torch_itself.ones(3, dtype=torch_itself.bfloat16)),
        lambda v: counts(v) == [3],
    ),
    "a scalar in a list of one": (both("torch"), scalar([1.0]), lambda v: v == 1.0),
    "a picture of lists": (both("torch"), image(IMAGE.tolist()), lambda v: size(v) == (24, 16)),
    "a picture of int levels": (
        both(),
        image(np.arange(75).reshape(3, 5, 5)),
        lambda v: faces.decoded(v[2])[0, 0, 1].tolist() == [1, 26, 51],
    ),
    "a batch of 2 channels": (both(), images(BATCH[:, :2]), lambda v: size(v) == (24, 6)),
    "a batch of 4 channels": (
        both("torch"),
        images(BATCH[:, [0, 1, 2, 0]]),
        lambda v: size(v) == (24, 6),
    ),
    "boxes of lists": (both("torch"), boxes([[1, 1, 5, 5]]), lambda v: size(v) == (24, 16)),
    "no boxes in a list": (both("torch"), boxes([]), lambda v: size(v) == (24, 16)),
    "a clip": (both("torch"), video(CLIP), lambda v: v[2][:3] == b"GIF"),
    "a clip that is too fast": (both("torch"), video(CLIP, 90), lambda v: v[2][:3] == b"GIF"),
    "one frame": (both("torch"), audio(TONE[:1]), lambda v: sound(v) == (1, 1)),
    "no sound": (both(), audio(TONE[:0]), lambda v: sound(v) == (1, 0)),
    "[2, frames]": (both(), audio(np.stack([TONE, TONE])), lambda v: sound(v) == (2, 80)),
    "[frames, 2]": (
        both("torch"),
        audio(np.stack([TONE, TONE], 1)),
        lambda v: sound(v) == (2, 80),
    ),
    "[1, frames]": (both("tensorboardx"), audio(TONE[None]), lambda v: sound(v) == (1, 80)),
    "sound in a list": (both("torch"), audio([0.0, 0.5]), lambda v: sound(v) == (1, 2)),
    "float16 sound": (
        both("tensorboardx"),
        audio(TONE.astype(np.float16)),
        lambda v: sound(v) == (1, 80),
    ),
    "bytes as text": (both(), text(b"x"), lambda v: faces.strings(v) == [b"x"]),
    "a list as text": (both(), text(["x", "y"]), lambda v: faces.strings(v) == [b"x", b"y"]),
}


@pytest.mark.parametrize(
    ("name", "case"), [(face, case) for case, (names, *_) in BETTER.items() for face in names]
)
def test_the_adapter_shows_calls_that_the_peer_does_not(
    name: str, case: str, tmp_path: Path
) -> None:
    face, peer = FACES[name]
    _, call, shown = BETTER[case]

    def values(module: Any, who: str, loader: str) -> list[Any]:
        directory = tmp_path / f"{who} {loader}"
        if outcome(module, call, directory) is not None:
            return []
        runs = readers.read_runs(directory, loader)
        return [series.points[0].value for tags in runs.values() for series in tags.values()]

    for loader in faces.LOADERS:
        (ours,) = values(face, "face", loader)
        assert shown(ours)
    assert not any(map(shown, values(peer, "peer", "python")))


#: Calls that a peer accepts but shows wrongly or not at all; the adapter refuses them.
STRICTER: dict[str, tuple[tuple[str, ...], Callable[..., Any], str]] = {
    "complex values": (both(), histogram(np.array([1j])), "values has dtype complex128"),
    "a complex picture": (both(), image(IMAGE + 1j), "img_tensor has dtype complex64"),
    "a number in a string": (both("torch"), scalar("1.5"), "scalar_value must be a real number"),
    "a clip of no frames": (both("torch"), video(CLIP[:, :0]), "vid_tensor has no frames"),
    "no frames a second": (both("torch"), video(CLIP, 0), "fps must be"),
    "sound of int64": (both("torch"), audio(np.array([0, 1])), "snd_tensor must be floats"),
    "a broken rate": (both("torch"), audio(TONE, 8000.5), "sample_rate must be an integer"),
    "NaN among predictions": (both(), curve([1, 0], [0.9, np.nan]), "got 1 NaN among 2"),
    "logits": (both(), curve([1, 0], [1.9, -0.1]), "pass probabilities, not logits"),
    "labels of 2": (both(), curve([2, 0], [0.9, 0.1]), "labels must be 0 or 1"),
    "a chart of a wrong kind": (
        both(),
        lambda w, t: w.add_custom_scalars({"a": {"b": ["Pie", ["c"]]}}),
        "Pie",
    ),
    "tags in a string": (
        both(),
        lambda w, t: w.add_custom_scalars({"a": {"b": ["Multiline", "abc"]}}),
        "list of tags",
    ),
    "a face of no point": (
        both(),
        mesh(POINTS, None, tensor([[[0, 1, 9]]])),
        "faces must be indices of points",
    ),
    "faces in fractions": (both(), mesh(POINTS, None, tensor([[[0, 1, 0.5]]])), "whole numbers"),
    "colours of fewer points": (both(), mesh(POINTS, tensor(POINTS[:, :3])), "colors must have"),
    "colours with alpha": (
        both("tensorboardx"),
        mesh(POINTS, torch_itself.zeros(1, 5, 4)),
        "colors must be",
    ),
    "a config of text": (both(), mesh(POINTS, config="x"), "config_dict must be a dict"),
    "hyperparameters in a tensor": (
        both("torch"),
        hparams({"a": tensor([1.0, 2])}, {}),
        r"hparam_dict\['a'\] must be one number",
    ),
    "no points": (both(), embedding(np.zeros((0, 3))), "mat must be"),
}


@pytest.mark.parametrize(
    ("name", "case"), [(face, case) for case, (names, *_) in STRICTER.items() for face in names]
)
def test_the_adapter_refuses_calls_that_the_peer_garbles(
    name: str, case: str, tmp_path: Path
) -> None:
    face, peer = FACES[name]
    _, call, match = STRICTER[case]
    refused = outcome(peer, call, tmp_path / "peer")
    assert refused is None or case in {"no points", "colours with alpha"}, refused
    ours = outcome(face, call, tmp_path / "face")
    assert isinstance(ours, (ValueError, TypeError))
    assert re.search(match, str(ours)), ours


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("loader", faces.LOADERS)
def test_an_empty_tag_is_taken(name: str, loader: str, tmp_path: Path) -> None:
    for who, module in zip(("face", "peer"), FACES[name], strict=True):
        with module.SummaryWriter(str(tmp_path / who)) as writer:
            writer.add_scalar("", 1.0, 1, TIME)
            writer.add_scalar(None, 2.0, 2, TIME)
            writer.add_text("", "x", 1, TIME)
    theirs = readers.read_runs(tmp_path / "peer", loader)["."]
    ours = readers.read_runs(tmp_path / "face", loader)["."]
    assert theirs.keys() == ours.keys() == {"", "/text_summary"}
    for tag, series in theirs.items():
        faces.assert_same(series, ours[tag])


def colours(directory: Path, tag: str) -> list[int]:
    """The colours of a mesh, cast as TensorBoard's page does it."""
    series = readers.read_runs(directory, "python")["."][tag]
    return faces.array(series).astype(np.uint8).ravel().tolist()


@pytest.mark.parametrize("name", FACES)
def test_colours_of_meshes(name: str, tmp_path: Path) -> None:
    """0 to 100 as TensorBoard casts them; 0 to 1, which it makes black, as colours."""
    face, peer = FACES[name]
    given = np.array([[[0.0, 50.5, 100.0], [1.0, 2.0, 3.0]]], np.float32)
    with peer.SummaryWriter(str(tmp_path / "peer")) as writer:
        writer.add_mesh("a", torch_itself.zeros(1, 2, 3), tensor(given))
    with face.SummaryWriter(str(tmp_path / "face")) as writer:
        writer.add_mesh("a", torch_itself.zeros(1, 2, 3), tensor(given))
        writer.add_mesh("b", torch_itself.zeros(1, 2, 3), tensor(given / 100))
        with pytest.warns(UserWarning, match="colors of mesh 'c' are from -10 to 300"):
            writer.add_mesh("c", torch_itself.zeros(1, 1, 3), tensor([[[-10.0, 300, 7]]]))
    tag = {"torch": "a_COLOR", "tensorboardx": "a_3"}[name]
    assert colours(tmp_path / "face", "a_COLOR") == colours(tmp_path / "peer", tag)
    assert colours(tmp_path / "face", "b_COLOR") == [0, 129, 255, 2, 5, 7]
    assert colours(tmp_path / "face", "c_COLOR") == [0, 255, 7]


@pytest.mark.parametrize("name", FACES)
def test_too_many_frames_per_second_of_a_gif_are_reported(name: str, tmp_path: Path) -> None:
    face, _ = FACES[name]
    with face.SummaryWriter(str(tmp_path)) as writer:
        with pytest.warns(UserWarning, match="fps is 60 for 'a': a GIF shows at most 50"):
            writer.add_video("a", CLIP, 1, 60)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            writer.add_video("b", CLIP, 1, 50)
    shown = readers.read_runs(tmp_path, "python")["."]
    assert (
        faces.strings(shown["a"].points[0].value)[2] == faces.strings(shown["b"].points[0].value)[2]
    )
