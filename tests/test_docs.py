"""Tests, settings, counters and files that the pages name exist."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

import tbimage
from tbimage.events.event_files import YOUNG_SECS
from tbimage.pipeline.owner import MOST_THREADS
from tbimage.pixels.arrays import copies
from tbimage.writer.settings import Settings
from tbimage.writer.stats import STUCK_SECS, Stats

TESTS = Path(__file__).resolve().parent
DOCS = TESTS.parent / "docs"
RELIABILITY = (DOCS / "reliability.md").read_text(encoding="utf-8")

NAMED_TESTS = [
    (page.name, *match)
    for page in sorted(DOCS.glob("*.md"))
    for match in re.findall(r"`([\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8"))
]


def functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("page", "file", "name"), NAMED_TESTS)
def test_a_page_names_tests_that_exist(page: str, file: str, name: str) -> None:
    assert name in functions(TESTS / file)


def test_every_promise_names_a_test() -> None:
    promises = RELIABILITY[RELIABILITY.index("## Promises") : RELIABILITY.index("## What is not")]
    rows = [row for row in promises.splitlines() if row.startswith("| ") and "promise |" not in row]
    assert len(rows) > 20
    assert [row for row in rows if ".py::test_" not in row] == []


def test_the_page_explains_every_counter() -> None:
    explained = set(
        re.findall(r"`(\w+)", "".join(re.findall(r"^\|.*?\|", RELIABILITY, re.MULTILINE)))
    )
    assert {field.name for field in dataclasses.fields(Stats)} - explained == set()
    assert [
        cause
        for cause in ("full", "disk", "error", "closed")
        if f'`dropped["{cause}"]`' not in RELIABILITY
    ] == []


def test_the_page_has_the_figures_of_the_code() -> None:
    kept = copies.MOST_SIZES * copies.MAPPING_BYTES
    assert f"keeps its memory for later copies, {kept >> 20} MiB at most" in RELIABILITY
    assert f"for up to `flush_secs` ({Settings().flush_secs} s)" in RELIABILITY
    assert f"none of them was written for {STUCK_SECS:.0f} seconds plus `flush_secs`" in RELIABILITY
    assert f"one of the {MOST_THREADS - 2} threads that write files" in RELIABILITY
    assert YOUNG_SECS == 30 * 60
    assert "no file that grew within half an hour" in RELIABILITY


def test_the_settings_for_a_service_are_accepted(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", RELIABILITY, re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {"logdir": tmp_path}
    exec(code, namespace)
    writer = namespace["writer"]
    assert isinstance(writer, tbimage.SummaryWriter)
    assert writer.close()


PAGES = [*DOCS.rglob("*.md"), *TESTS.parent.glob("*.md"), *TESTS.parent.glob("*/*/README.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TESTS.parent).as_posix())
def test_a_page_links_to_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", text)
    targets = [
        (page.parent / target.partition("#")[0]) for each in links for target in each if target
    ]
    local = [target for target in targets if "://" not in str(target) and ":/" not in str(target)]
    assert [target for target in local if not target.exists()] == []


#: Where files of the repository are for who reads a page elsewhere, as on a package index.
FILES = "https://github.com/tbimage/tbimage/blob/main/"
PICTURES = "https://raw.githubusercontent.com/tbimage/tbimage/main/"


def test_links_of_the_readme_lead_to_files_wherever_it_is_read() -> None:
    text = (TESTS.parent / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"""(?<=\]\()[^)\s]+(?=\))|(?<=src=")[^"]+(?=")""", text)
    assert len(links) > 10
    paths = [link.removeprefix(FILES).removeprefix(PICTURES) for link in links]
    assert [path for path in paths if not (TESTS.parent / path.partition("#")[0]).exists()] == []
    relative = [link for link in links if not link.startswith((FILES, PICTURES))]
    assert relative == []
    assert [link for link in links if link.endswith(".png") != link.startswith(PICTURES)] == []
