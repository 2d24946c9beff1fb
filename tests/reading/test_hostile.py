"""Contents that no good writer makes: each has a clear result in the library and all commands."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.cli import main
from tbimage.events.records import small_record
from tbimage.reading.runs import METHODS
from tests.reading.hostile import CASES, scalar, write
from tests.reading.test_gallery_page import errors, look, open_page

#: The arguments of each command: LOG is the run, OUT a path that does not exist.
COMMANDS = [
    ["ls", "LOG"],
    ["ls", "LOG", "--json"],
    ["cat", "LOG", "*"],
    ["cat", "LOG", "*", "--json"],
    ["cat", "LOG", "*", "--show", "blocks"],
    ["cat", "LOG", "*", "--out", "OUT"],
    ["tail", "LOG"],
    ["tail", "LOG", "--json"],
    ["lint", "LOG"],
    ["lint", "LOG", "--json"],
    ["export", "LOG", "--out", "OUT"],
    ["export", "LOG", "--out", "OUT", "--format", "jsonl"],
    ["compact", "LOG", "OUT"],
    ["compact", "LOG", "OUT", "--keep-images", "1", "--every", "2"],
    ["diff", "LOG", "LOG"],
    ["gallery", "LOG", "-o", "OUT", "--json"],
]


def strict(text: str) -> Any:
    """Parse JSON without what Python adds to it."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("case", CASES)
def test_the_library_reads_it_or_says_why_not(case: str, tmp_path: Path) -> None:
    write(tmp_path / "run", case)
    logs = tbimage.read(tmp_path / "run")
    run = logs["."]
    assert len(logs.columns()["value"]) == sum(
        about.count for about in run.tags.values() if about.kind == "scalar"
    )
    assert repr(run)
    assert "<td>" in logs._repr_html_()
    run.hparams()
    run.graph()
    for tag, about in run.tags.items():
        if about.kind in ("scalar", "hparams", "graph"):
            continue
        series = getattr(run, METHODS[about.kind])(tag, raw=True)
        for at in range(len(series)):
            problem = problem_of(series, at)
            # It names the file and the place, and no address of an object.
            assert not problem or "events.out.tfevents.1.host: the record at byte" in problem
            assert "0x" not in problem


def problem_of(series: Any, at: int) -> str:
    """Read an item, and return what is wrong with it."""
    try:
        item = series[at]
        assert item.step == series.steps[at]
        if isinstance(item, tbimage.reading.Image):
            assert 0 < item.width < 2**31
            assert item.pixels().ndim == 3
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("case", CASES)
def test_commands_end_with_a_result(
    case: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "run", case)
    places = {"LOG": str(tmp_path / "run"), "OUT": str(tmp_path / "target" / "out")}
    (tmp_path / "target").mkdir()
    before = sorted(os.listdir(tmp_path))
    code = main([places.get(word, word) for word in command])
    told = capsys.readouterr()
    assert code in (0, 1), told.err
    assert "Traceback" not in told.err
    assert sorted(os.listdir(tmp_path)) == before  # nothing is written elsewhere
    assert sorted(os.listdir(tmp_path / "target")) in ([], ["out"])
    if "--show" not in command:
        controls = [each for each in told.out + told.err if not each.isprintable()]
        assert set(controls) <= {"\n", "\t"}
    if "--json" in command:
        for line in told.out.splitlines():
            strict(line)
    for path in (tmp_path / "target").rglob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            strict(line)


def test_a_picture_that_cannot_be_shown_does_not_hide_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "run", "images")
    assert main(["cat", str(tmp_path / "run"), "*", "--show", "blocks"]) == 1
    told = capsys.readouterr()
    assert "of no known format" in told.err
    assert "▀" in told.out


# The page in the browser.


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_page_can_be_used(browser: Any, case: str, tmp_path: Path) -> None:
    """Each axis, each button, and the pointer over each chart."""
    write(tmp_path / "run", case)
    tbimage.gallery(tmp_path / "run", tmp_path / "page.html")
    errors(browser)
    if case == "hyperparameters":  # none that can be read, and nothing else
        browser.get((tmp_path / "page.html").as_uri())
        look(browser, "return document.querySelector('#nothing').innerText.includes('nothing')")
        return
    open_page(browser, (tmp_path / "page.html").as_uri(), height=4000)
    ready = "return [...cards.values()].every((card) => !card.visible || !card.stale)"
    for axis in "relative", "wall", "step":
        browser.execute_script(
            "const axis = document.querySelector('#axis'); axis.value = arguments[0];"
            "axis.dispatchEvent(new Event('change'))",
            axis,
        )
        look(browser, ready)
    browser.execute_script(
        "for (const canvas of document.querySelectorAll('canvas')) {"
        "  const { left, top } = canvas.getBoundingClientRect();"
        "  const place = { clientX: left + 100, clientY: top + 50 };"
        "  canvas.dispatchEvent(new PointerEvent('pointermove', place)); }"
        "for (const button of document.querySelectorAll('.card button:not(.picture)'))"
        "  button.click()"
    )
    look(browser, ready)
    assert errors(browser) == []
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 1280


def test_a_page_of_very_many_tags_makes_some_cards_and_finds_all(
    browser: Any, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    data = b"".join(small_record(scalar(f"tag{at:04d}", at)) for at in range(2500))
    (tmp_path / "run" / "events.out.tfevents.1").write_bytes(data)
    tbimage.gallery(tmp_path / "run", tmp_path / "page.html")
    errors(browser)
    open_page(browser, (tmp_path / "page.html").as_uri())
    count = "return [cards.size, document.querySelector('#sections .count').textContent]"
    more = "document.querySelector('section > .more').click();"
    assert browser.execute_script(count) == [1000, "2,500"]
    assert browser.execute_script(more + count) == [2000, "2,500"]
    search = (
        "const box = document.querySelector('#tag-query'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('input'));"
    )
    assert browser.execute_script(search + count, "tag2499") == [1, "1"]
    assert browser.execute_script(search + count, "") == [2000, "2,500"]
    assert errors(browser) == []
