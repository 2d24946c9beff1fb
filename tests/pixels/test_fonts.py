"""Each line is drawn in a font that has its characters; characters without a font are reported."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont

import tbimage
from tbimage import fonts as installed
from tbimage import visual
from tbimage.pixels.drawing import fonts, text_rendering

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
needs_dejavu = pytest.mark.skipif(not DEJAVU.exists(), reason=f"{DEJAVU} is not installed")

#: Nobody has a font for it: a private character.
NOWHERE = "\U00100001"


@pytest.fixture(autouse=True)
def _fonts_of_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(installed.VARIABLE, raising=False)
    tbimage.set_font()
    yield
    monkeypatch.undo()
    tbimage.set_font()


def drawn(text: str, size: int = 24) -> Any:
    return text_rendering.coverage(text, size)


def without_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "_candidates", lambda letter: iter(()))
    tbimage.set_font()


def test_without_other_fonts_unknown_characters_are_boxes_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_installed(monkeypatch)
    np.testing.assert_array_equal(drawn("к"), drawn("т"))
    assert visual.caption([[0]], "кот").findings.lacking == set("кот")
    assert visual.caption([[0]], "cat — é\t×").findings.lacking == {"é"}
    assert not visual.caption([[0]], "cat, ©, 3 × 4 – 5…").findings


@needs_dejavu
@pytest.mark.parametrize("fontconfig", [True, False])
def test_installed_fonts_are_found(fontconfig: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fontconfig:
        monkeypatch.setenv("PATH", "")
    assert visual.caption([[0]], "кот, naïve, schön, ½").findings.lacking == frozenset()
    assert len({drawn(letter).tobytes() for letter in "котïöü"}) == 6
    expected = ImageFont.truetype(os.fspath(DEJAVU), 24).getlength("кот")
    assert abs(drawn("кот").shape[1] - expected) < 6


@needs_dejavu
def test_a_line_is_in_one_font_where_one_has_all_of_it() -> None:
    def fonts_of(line: str) -> list[str]:
        return [font.getname()[0] for font, _ in fonts.current().runs(line)]

    assert fonts_of("naive") == ["Aileron"]
    assert fonts_of("naïve") == ["DejaVu Sans"]
    assert fonts_of("naive") == ["Aileron"]
    assert fonts_of(f"naïve {NOWHERE}") == ["DejaVu Sans"]
    assert drawn("naïve").shape[0] == drawn("naive").shape[0] == text_rendering.line_height(24)


@needs_dejavu
@pytest.mark.parametrize("how", ["path", "text", "font", "environment"])
def test_a_font_can_be_set(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn("hello").copy()
    labels_before = visual.boxes(np.zeros((99, 99)), [[9, 50, 80, 90]], ["hello"]).pixels
    font = ImageFont.truetype(os.fspath(DEJAVU), 10)
    if how == "environment":
        monkeypatch.setenv(installed.VARIABLE, os.fspath(DEJAVU))
        tbimage.set_font()
    else:
        tbimage.set_font({"path": DEJAVU, "text": os.fspath(DEJAVU), "font": font}[how])
    assert drawn("hello").shape != before.shape
    assert abs(drawn("hello").shape[1] - font.font_variant(size=24).getlength("hello")) < 6
    labels = visual.boxes(np.zeros((99, 99)), [[9, 50, 80, 90]], ["hello"]).pixels
    assert not np.array_equal(labels, labels_before)
    monkeypatch.delenv(installed.VARIABLE, raising=False)
    tbimage.set_font()
    np.testing.assert_array_equal(drawn("hello"), before)


@needs_dejavu
@pytest.mark.parametrize("kind", [str, Path, lambda path: ImageFont.truetype(path, 10)])
def test_a_writer_sets_a_font_also_where_it_is_unpickled(tmp_path: Path, kind: Any) -> None:
    before = drawn("hello").copy()
    with tbimage.SummaryWriter(tmp_path, font=kind(os.fspath(DEJAVU))) as writer:
        assert drawn("hello").shape != before.shape
        pickled = pickle.dumps(writer)
        tbimage.set_font()
    with tbimage.SummaryWriter(tmp_path / "none"):
        np.testing.assert_array_equal(drawn("hello"), before)
    with pickle.loads(pickled):
        assert drawn("hello").shape != before.shape


@pytest.mark.parametrize("font", [3, "missing.ttf"])
def test_a_writer_refuses_files_that_are_no_font(tmp_path: Path, font: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="font must be the path of a"):
        tbimage.SummaryWriter(tmp_path / "run", font=font)
    assert not (tmp_path / "run").exists()


def test_files_that_are_no_font_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ttf").write_text("no font")
    for path in (tmp_path / "text.ttf", tmp_path / "missing.ttf"):
        with pytest.raises(ValueError, match="font must be the path of a TrueType"):
            tbimage.set_font(path)
    for wrong in (3, ImageFont.ImageFont()):
        with pytest.raises(TypeError, match=r"font must be the path of a font file or a font of"):
            tbimage.set_font(wrong)


def test_a_variable_that_names_no_font_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(installed.VARIABLE, "/missing.ttf")
    tbimage.set_font()
    assert drawn("hello").any()
    assert drawn("hello again").any()
    (record,) = caplog.records
    assert "TBIMAGE_FONT must be the path" in record.getMessage()


def test_searching_ends_after_some_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def candidates(letter: str) -> Iterator[tuple[str, int]]:
        asked.append(letter)
        yield "/missing.ttf", 0

    monkeypatch.setattr(installed, "_candidates", candidates)
    tbimage.set_font()
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 50)))
    for _ in range(2):
        assert visual.caption([[0]], text).findings.lacking == set(text)
    assert len(asked) == installed._MOST_FAILURES


TEXTS = {
    "captions": lambda writer: writer.image("a", np.zeros((8, 8)), captions=f"one {NOWHERE}"),
    "labels": lambda writer: writer.boxes("a", np.zeros((9, 9)), [[1, 1, 5, 5]], labels=[NOWHERE]),
    "titles": lambda writer: writer.grid("a", np.zeros((2, 8, 8, 1)), captions=["x", NOWHERE]),
    "legend": lambda writer: writer.segmentation(
        "a", np.ones((8, 8), int), classes=["x", NOWHERE], legend=True
    ),
}


@pytest.mark.parametrize("where", TEXTS)
def test_missing_characters_are_reported_once_for_each_name(
    where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for _ in range(2):
            assert TEXTS[where](writer)
            writer.flush()
    messages = [record.getMessage() for record in caplog.records if record.name == "tbimage"]
    assert len([each for each in messages if "characters that no installed font has" in each]) == 1
    assert "U+100001" in "".join(messages)
