"""PR curves, meshes and charts of layouts: what is on the page, and in headless Chromium."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import Event, MeshPluginData
from tbimage.events.records import small_record
from tests.readers import without_warnings
from tests.reading.test_gallery_page import errors, look, open_page

THRESHOLDS = 21
CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
FACES = np.array([[0, 1, 3], [0, 3, 2], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4]])
LAYOUT = {
    "losses": {"both": ["multiline", ["train/loss", "eval/.*"]]},
    "accuracy": {"bounds": ["margin", ["mean", "low", "high"]]},
}


def outcomes(step: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(step)
    labels = chance.integers(0, 2, 300)
    return labels, np.clip(labels * 0.3 + chance.random(300) * 0.7, 0, 1)


def write(logs: Path) -> None:
    for run in "first", "second":
        with tbimage.SummaryWriter(logs / run) as writer:
            for step in range(5):
                for tag in "train/loss", "eval/loss", "mean", "other":
                    writer.scalar(tag, 1 / (step + 1), step)
                writer.scalar("low", 0.0, step)
                writer.scalar("high", 2.0, step)
                if step % 2 == 0:
                    writer.pr_curve("cats", *outcomes(step), step=step, num_thresholds=THRESHOLDS)
                    writer.mesh("cube", CUBE * (step + 1), step=step, faces=FACES, colors=CUBE)
                    writer.mesh("cloud", np.stack([CUBE, CUBE * 2]), step=step)
            writer.custom_scalars(LAYOUT)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("plugins")
    write(directory / "logs")
    tbimage.gallery(directory / "logs", directory / "page.html")
    return directory


def blocks(page: Path) -> dict[str, Any]:
    found = re.findall(
        r'<script type="application/json" id="([^"]+)">(.*?)</script>', page.read_text(), re.DOTALL
    )
    return {name: json.loads(content) for name, content in found}


def numbers(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def write_event(
    path: Path, tag: str, plugin: str, tensor: dict[str, Any], step: int = 0, content: bytes = b""
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    event = Event(wall_time=1.0, step=step)
    value = event.summary.value.add(tag=tag)
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    for name, content in tensor.items():
        if name == "shape":
            for size in content:
                value.tensor.tensor_shape.dim.add(size=size)
        elif isinstance(content, list):
            getattr(value.tensor, name).extend(content)
        else:
            setattr(value.tensor, name, content)
    with open(path, "ab") as file:
        file.write(small_record(event.SerializeToString()))


def floats(array: object) -> dict[str, Any]:
    data = np.asarray(array, np.float32)
    return {"dtype": 1, "shape": data.shape, "tensor_content": data.tobytes()}


# The data of the page.


def test_a_layout_is_read_as_the_writer_takes_it(logs: Path, tmp_path: Path) -> None:
    read = tbimage.read(logs / "logs")["first"].custom_scalars()
    assert read == {name: {t: tuple(c) for t, c in each.items()} for name, each in LAYOUT.items()}
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert read is not None
        writer.custom_scalars(read)
        writer.scalar("a", 1.0, 0)
    run = tbimage.read(tmp_path)["."]
    assert run.custom_scalars() == read


def test_a_run_without_a_layout_has_none(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("a", 1.0, 0)
    assert tbimage.read(tmp_path)["."].custom_scalars() is None


def test_curves_have_the_logged_rows(logs: Path) -> None:
    page = blocks(logs / "page.html")
    (card,) = page["index"]["pr_curve"]
    assert card["tag"] == "cats"
    assert [(each["run"], each["steps"]) for each in card["series"]] == [
        (0, [0, 2, 4]),
        (1, [0, 2, 4]),
    ]
    logged = tbimage.read(logs / "logs")["first"].tensors("cats")
    for asset, tensor in zip(page[card["series"][0]["asset"]], logged, strict=True):
        rows = numbers(asset["rows"], "<f4").reshape(7, asset["count"])
        reached = int(np.count_nonzero(tensor.value[0] + tensor.value[1]))
        assert asset["count"] == reached
        np.testing.assert_array_equal(rows[:6], tensor.value[:, :reached])
        np.testing.assert_allclose(rows[6], np.linspace(0, 1, THRESHOLDS)[:reached], atol=1e-6)


def test_meshes_have_the_logged_points_faces_and_colors(logs: Path) -> None:
    page = blocks(logs / "page.html")
    cloud, cube = page["index"]["mesh"]
    assert [cloud["tag"], cube["tag"]] == ["cloud", "cube"]
    asset = page[cube["series"][0]["assets"][1]]
    places = numbers(asset["places"], "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(places, CUBE * 3)
    np.testing.assert_array_equal(numbers(asset["triangles"], "<u4").reshape(-1, 3), FACES)
    np.testing.assert_array_equal(numbers(asset["colors"], "u1").reshape(-1, 3), CUBE * 255)
    asset = page[cloud["series"][0]["assets"][0]]
    assert (asset["batch"], asset["points"], asset["faces"]) == (2, 8, 0)
    assert "triangles" not in asset
    assert page["index"]["others"] == []


def test_charts_have_the_tags_that_their_layout_names(logs: Path) -> None:
    page = blocks(logs / "page.html")
    both, bounds = page["index"]["chart"]
    assert (both["tag"], bounds["tag"]) == ("losses/both", "accuracy/bounds")
    assert both["lines"] == [["train/loss"], ["eval/loss"]]
    assert bounds["lines"] == [["mean", "low", "high"]]
    assets = {card["tag"]: card["series"][0]["asset"] for card in page["index"]["scalar"]}
    for chart in both, bounds:
        assert all(each["asset"] == assets[each["tag"]] for each in chart["series"])


def test_a_large_mesh_and_curve_are_bounded(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    points = chance.random((90_000, 3))
    faces = chance.integers(0, len(points), (70_000, 3))
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.mesh("cloud", points, step=0)
        writer.mesh("net", points, step=0, faces=faces)
        writer.pr_curve("curve", *outcomes(0), step=0, num_thresholds=100_000)
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    assert written.bytes < 2_000_000
    page = blocks(tmp_path / "page.html")
    cloud, net = (page[card["series"][0]["assets"][0]] for card in page["index"]["mesh"])
    assert (cloud["points"], net["faces"]) == (90_000, 70_000)  # the page tells these
    assert len(numbers(cloud["places"], "<f4")) == 3 * 20_000
    assert len(numbers(net["triangles"], "<u4")) == 3 * 10_000
    (curve,) = page[page["index"]["pr_curve"][0]["series"][0]["asset"]]
    assert curve["count"] <= 256


@pytest.mark.parametrize("max_bytes", [120_000, 150_000, 250_000])
def test_a_page_with_them_is_not_larger_than_allowed(
    logs: Path, tmp_path: Path, max_bytes: int
) -> None:
    page = tbimage.gallery(logs / "logs", tmp_path / "page.html", max_bytes=max_bytes)
    assert page.bytes == (tmp_path / "page.html").stat().st_size <= max_bytes


# What is not as it should be.


@pytest.mark.parametrize(
    "tensor",
    [
        floats(np.zeros((5, 9))),
        floats(np.zeros((6, 0))),
        floats(np.zeros(6)),
        floats(0.0),
        floats(np.full((6, 3), np.nan)),
        floats(np.full((6, 3), np.inf)),
        {"dtype": 7, "shape": (6, 1), "string_val": [b"x"] * 6},
        {"dtype": 1, "shape": (6, 1 << 24), "float_val": [1.0]},
        {"dtype": 99, "shape": (6, 2)},
        {"dtype": 1, "shape": (6, 2), "tensor_content": b"12345"},
    ],
)
def test_curves_of_wrong_shape_do_not_hide_the_others(tmp_path: Path, tensor: Any) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs" / "good") as writer:
        writer.pr_curve("cats", *outcomes(0), step=0)
    write_event(tmp_path / "logs" / "bad" / "events.out.tfevents.1", "cats", "pr_curves", tensor)
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    page = blocks(tmp_path / "page.html")
    (card,) = page["index"]["pr_curve"]
    bad, good = (page[each["asset"]][0] for each in card["series"])
    assert "problem" in bad or bad["count"] >= 1
    assert good["count"] > 1


@pytest.mark.parametrize("missing", ["VERTEX", "FACE", "COLOR"])
@pytest.mark.parametrize("odd", [None, floats(np.zeros((2, 2))), floats([[[np.nan] * 3] * 9])])
def test_meshes_with_missing_or_odd_parts(tmp_path: Path, missing: str, odd: Any) -> None:
    path = tmp_path / "logs" / "events.out.tfevents.1"
    indices = {"dtype": 3, "shape": (1, 6, 3), "tensor_content": FACES.astype("<i4").tobytes()}
    wrong = {"dtype": 3, "shape": (1, 1, 3), "int_val": [-1, 0, 1 << 30]}
    colors = {"dtype": 4, "shape": (1, 8, 3), "tensor_content": b"\x80" * 24}
    parts = {"VERTEX": floats(CUBE[None]), "FACE": indices, "COLOR": colors}
    parts[missing] = odd
    for step, faces in enumerate((indices, wrong)):
        for part, tensor in parts.items():
            if tensor is not None:
                shown = faces if part == "FACE" and missing != "FACE" else tensor
                number = ["VERTEX", "FACE", "COLOR"].index(part) + 1
                about = MeshPluginData(name="m", content_type=number).SerializeToString()
                write_event(path, f"m_{part}", "mesh", shown, step, about)
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    page = blocks(tmp_path / "page.html")
    if missing == "VERTEX" and odd is None:
        assert {each["tag"] for each in page["index"]["others"]} == {"m_FACE", "m_COLOR"}
        return
    (card,) = page["index"]["mesh"]
    problems = page["index"]["problems"]
    for step, name in enumerate(card["series"][0]["assets"]):
        if missing == "VERTEX" and odd["shape"] == (2, 2):
            assert "shape" in problems[name]
        elif missing not in ("VERTEX", "FACE"):
            triangles = numbers(page[name]["triangles"], "<u4")
            assert len(triangles) == (0 if step else FACES.size)


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+$",
        "(a|a)*b",
        "a*a*a*a*b",
        "(?:a*)*b",
        r"(a)\1*",
        "a?" * 30 + "a" * 30,
        "(a|b)" * 40,
        "[",
        "a{99999999999}",
        "(" * 5000,
        "x" * 600,
        "*",
    ],
)
def test_expressions_that_would_take_long_are_not_tried(expression: str, tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.scalar("a" * 150, 1.0, 0)
        writer.scalar("loss", 1.0, 0)
    path = tmp_path / "logs" / "events.out.tfevents.2"
    write_layout(path, expression, "loss")
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    (chart,) = blocks(tmp_path / "page.html")["index"]["chart"]
    assert chart["lines"] == [["loss"]]


def write_layout(path: Path, *expressions: str) -> None:
    from tbimage.events.messages import Layout

    layout = Layout()
    chart = layout.category.add(title="c").chart.add(title="t")
    chart.multiline.tag.extend(expressions)
    tensor = {"dtype": 7, "shape": (), "string_val": [layout.SerializeToString()]}
    write_event(path, "custom_scalars__config__", "custom_scalars", tensor)


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"", b"\x12\x02\x0a\xff"])
def test_a_layout_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "events.out.tfevents.1"
    tensor = {"dtype": 7, "shape": (), "string_val": [content]}
    write_event(path, "custom_scalars__config__", "custom_scalars", tensor)
    page = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    charts = blocks(tmp_path / "page.html")["index"]["chart"]
    run = tbimage.read(tmp_path / "logs")["."]
    if content:
        assert "record at byte 0" in charts[0]["problem"]
        with pytest.raises(ValueError, match="record at byte 0"):
            run.custom_scalars()
    else:
        assert run.custom_scalars() == {}
        assert charts == []
    assert page.problems == []


# In the browser.

_COLOURED = """
const canvas = document.querySelector(arguments[0]);
if (!canvas?.width) return 0;
const { width, height } = canvas;
const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
let [count, sum] = [0, 0];
for (let at = 0; at < data.length; at += 4) {
  const levels = [data[at], data[at + 1], data[at + 2]];
  if (!data[at + 3] || Math.max(...levels) - Math.min(...levels) < 40) continue;
  count++;
  sum = (sum * 31 + at + levels[0]) % 1000003;
}
return count > 100 && [count, sum];
"""


def coloured(browser: Any, selector: str) -> list[int]:
    found: list[int] = look(browser, _COLOURED, selector)
    return found


@pytest.fixture
def opened(browser: Any, logs: Path) -> Any:
    errors(browser)
    open_page(browser, (logs / "page.html").as_uri(), height=5000)
    return browser


def hover(browser: Any, selector: str, left: int, top: int, buttons: int = 0) -> None:
    browser.execute_script(
        "const canvas = document.querySelector(arguments[0]);"
        "const box = canvas.getBoundingClientRect();"
        "const [left, top, buttons] = [...arguments].slice(1);"
        "canvas.dispatchEvent(new PointerEvent('pointermove', { buttons, movementX: left,"
        "  movementY: top, clientX: box.left + left, clientY: box.top + top }));",
        selector,
        left,
        top,
        buttons,
    )


def test_they_have_sections_of_their_own(opened: Any) -> None:
    sections = opened.execute_script(
        "return [...document.querySelectorAll('main section[id]')].map((each) => each.id)"
    )
    assert sections == [f"section-{kind}" for kind in ("scalar", "chart", "pr_curve", "mesh")]
    for card in "chart", "pr_curve", "mesh":
        assert coloured(opened, f".card.{card} canvas")
    assert errors(opened) == []
    assert opened.execute_script("return performance.getEntriesByType('resource')") == []


def test_the_slider_of_a_curve_moves_and_the_pointer_tells_values(opened: Any) -> None:
    selector = ".card.pr_curve canvas"
    last = coloured(opened, selector)
    opened.execute_script("document.querySelector('.card.pr_curve .stepper button').click()")
    look(opened, "return document.querySelector('.card.pr_curve .step').textContent === 'step 2'")
    assert coloured(opened, selector) != last
    hover(opened, selector, 200, 40)
    told = look(opened, "return document.querySelector('#tooltip').innerText")
    assert "threshold" in told
    assert "first" in told
    assert "second" in told


def test_a_mesh_turns_when_it_is_dragged_or_by_keys(opened: Any) -> None:
    selector = ".card.mesh[data-tag=cube] canvas"
    before = coloured(opened, selector)
    hover(opened, selector, 90, 20)  # no button is pressed
    assert coloured(opened, selector) == before
    hover(opened, selector, 90, 20, buttons=1)
    changed = f"const now = (() => {{{_COLOURED}}})(); return now && now[1] !== arguments[1] && now"
    turned = look(opened, changed.replace("(() =>", "((...args) =>"), selector, before[1])
    opened.execute_script(
        "document.querySelector(arguments[0]).dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'ArrowLeft', cancelable: true }))",
        selector,
    )
    look(opened, changed, selector, turned[1])


def test_a_chart_tells_tags_and_runs(opened: Any) -> None:
    legend = "return document.querySelector(\".card.chart[data-tag='losses/both'] .legend\")"
    assert look(opened, f"{legend}?.innerText.split('\\n').join(' ')").split() == [
        *("train/loss", "eval/loss"),
        *("first", "second"),
    ]
    hover(opened, ".card.chart[data-tag='losses/both'] canvas", 200, 100)
    told = look(opened, "return document.querySelector('#tooltip').innerText")
    for tag in "train/loss", "eval/loss":
        for run in "first", "second":
            assert f"{tag} · {run}" in told


def test_a_run_that_is_switched_off_is_left_out(opened: Any) -> None:
    opened.execute_script("document.querySelector('#runs input').click()")
    for card in ".card.pr_curve", ".card.mesh[data-tag=cube]":
        look(opened, "return document.querySelector(arguments[0])", card)
    look(opened, "return document.querySelectorAll('.card.mesh figure').length === 2")
    legend = "return document.querySelector(\".card.chart[data-tag='accuracy/bounds'] .legend\")"
    look(opened, f"{legend}.innerText.trim() === 'second'")


@pytest.mark.parametrize("writer", ["tensorboardX", "torch"])
def test_those_of_other_writers(browser: Any, tmp_path: Path, writer: str) -> None:
    """TensorboardX gives the parts of a mesh other tags, and torch logs indices as float32."""
    torch = pytest.importorskip("torch")
    package = {"tensorboardX": "tensorboardX", "torch": "torch.utils.tensorboard"}[writer]
    module = pytest.importorskip(package)

    def write_log(directory: Path) -> None:
        with module.SummaryWriter(str(directory)) as log:
            log.add_scalar("a/loss", 1.0, 0)
            log.add_scalar("a/loss", 0.5, 1)
            log.add_custom_scalars({"c": {"t": ["Multiline", ["a/.*"]]}})
            log.add_pr_curve("cats", *outcomes(0), 0)
            cube = {"vertices": torch.tensor(CUBE)[None], "faces": torch.tensor(FACES)[None]}
            log.add_mesh("cube", **cube, global_step=0)

    without_warnings(write_log)(tmp_path / "logs")
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    errors(browser)
    open_page(browser, (tmp_path / "page.html").as_uri(), height=3000)
    for card in "chart", "pr_curve":
        assert coloured(browser, f".card.{card} canvas")
    look(
        browser,
        "return document.querySelector('.card.mesh figcaption')?.innerText.includes('6 faces')",
    )
    assert errors(browser) == []
