"""Meshes: the given parts, as TensorBoard's own writer writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.kinds import mesh as kind
from tests import readers
from tests.kinds import written

RNG = np.random.default_rng(0)
VERTICES = RNG.normal(size=(2, 5, 3)).astype(np.float32)
FACES = RNG.integers(0, 5, (2, 4, 3)).astype(np.int32)
COLORS = RNG.integers(0, 256, (2, 5, 3)).astype(np.uint8)
CONFIG = {"material": {"cls": "PointsMaterial", "size": 2}, "camera": {"fov": 75}}


def test_loaders_show_all_parts_with_the_description(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.mesh("m", VERTICES, 3, faces=FACES, colors=COLORS, description="*a* bunny")
        writer.mesh("cloud", VERTICES[0], 3)
    series = readers.read_runs(tmp_path, loader)["."]
    assert series.keys() == {"m_VERTEX", "m_FACE", "m_COLOR", "cloud_VERTEX"}
    expected: dict[str, np.ndarray[Any, Any]] = {
        "m_VERTEX": VERTICES,
        "m_FACE": FACES,
        "m_COLOR": COLORS,
        "cloud_VERTEX": VERTICES[:1],
    }
    for tag, array in expected.items():
        shown = series[tag]
        assert (shown.plugin, shown.steps) == ("mesh", [3])
        assert shown.description == ("*a* bunny" if tag.startswith("m_") else "")
        value = shown.points[0].value
        assert isinstance(value, readers.Tensor)
        assert value.dtype == str(array.dtype)
        np.testing.assert_array_equal(value.array(), array)


@pytest.mark.parametrize("parts", [("faces", "colors"), ("faces",), ("colors",), ()])
def test_the_summary_is_that_of_tensorboard(parts: tuple[str, ...]) -> None:
    pytest.importorskip("tensorflow")  # whose types its plugin uses
    summary_v2 = pytest.importorskip("tensorboard.plugins.mesh.summary_v2")
    given = {name: {"faces": FACES, "colors": COLORS}.get(name) for name in parts}
    theirs = summary_v2.mesh_pb("a/b", VERTICES, **given, config_dict=CONFIG, description="*m*")
    mesh = kind.prepare(VERTICES, given.get("faces"), given.get("colors"))
    ours = kind.summary("a/b", mesh, kind.check_config(CONFIG), "*m*")
    assert b"".join(ours) == theirs.SerializeToString()


def test_colors_follow_the_rule_of_images() -> None:
    colors = np.array([[[0.0, 0.999, 1.0], [-1.0, 2.0, np.nan]]])
    pieces = kind.summary("m", kind.prepare(np.zeros((1, 2, 3)), None, colors), "{}", None)
    color = written.parsed(pieces).value[1]
    assert list(color.tensor.tensor_content) == [0, 255, 255, 0, 255, 0]  # 0.999 * 255.5


def test_other_types_are_converted() -> None:
    mesh = kind.prepare([[0, 1, 2]], np.array([[0, 0, 0]], np.uint16), [[1, 2, 255]])
    vertex, face, color = written.parsed(kind.summary("m", mesh, "{}", None)).value
    assert np.frombuffer(vertex.tensor.tensor_content, np.float32).tolist() == [0, 1, 2]
    assert np.frombuffer(face.tensor.tensor_content, np.int32).tolist() == [0, 0, 0]
    assert list(color.tensor.tensor_content) == [1, 2, 255]


def test_automatic_steps_go_on_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with tbimage.SummaryWriter(tmp_path) as writer:
            for _ in range(2):
                writer.mesh("m", VERTICES)
    assert [event.step for event in written.events(tmp_path)] == [0, 1, 2, 3]


def test_the_caller_may_change_its_arrays_at_once(tmp_path: Path) -> None:
    vertices = VERTICES.copy()
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.mesh("m", vertices, 0)
        vertices[:] = 0
    content = written.only_value(tmp_path).tensor.tensor_content
    np.testing.assert_array_equal(np.frombuffer(content, np.float32), VERTICES.ravel())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"vertices": np.zeros((5, 2))}, ValueError, r"vertices must be .* got shape \(5, 2\)"),
        ({"vertices": "cube"}, TypeError, "vertices must be numbers, got 'cube'"),
        ({"colors": COLORS[:, :4]}, ValueError, r"colors .* \(2, 5, 3\), got \(2, 4, 3\)"),
        ({"faces": FACES[:1]}, ValueError, r"faces must be given for each mesh .*\(1, 4, 3\)"),
        ({"faces": FACES.astype(float)}, TypeError, "faces must be integers, got dtype float64"),
        ({"config": "camera"}, TypeError, "config must be a mapping"),
        ({"config": {"a": object()}}, TypeError, "config must contain only values"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.mesh("good", VERTICES, 0)
        with pytest.raises(error, match=match):
            writer.mesh("bad", step=0, **{"vertices": VERTICES, **arguments})
    assert written.only_value(tmp_path).tag == "good_VERTEX"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"faces": FACES + 3}, "faces must be indices of points, 0 to 4, got 3 to"),
        ({"colors": COLORS.astype(int) + 100}, "colors must be integers within 0..255"),
    ],
)
def test_values_out_of_range_are_raised_by_flush(
    tmp_path: Path, arguments: dict[str, Any], match: str
) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.mesh("bad", VERTICES, 0, **arguments)
    with pytest.raises(ValueError, match=match):
        writer.flush()
    assert writer.close()
    assert written.values(tmp_path) == []


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-1.0, 1.0)])
def test_colours_that_are_clipped_are_reported_once_for_each_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, low: float, high: float
) -> None:
    colors = np.linspace(low, high, 15).reshape(5, 3)
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.mesh("m", VERTICES[0], step, colors=colors)
    (record,) = caplog.records
    assert f"mesh 'm' has colors from {low:g} to {high:g}" in record.getMessage()


@pytest.mark.parametrize("colors", [COLORS, COLORS / 255, COLORS > 99, np.full((2, 5, 3), 1.001)])
def test_colours_that_are_shown_as_they_are_are_not_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, colors: Any
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.mesh("m", VERTICES, 0, colors=colors)
    assert caplog.records == []
