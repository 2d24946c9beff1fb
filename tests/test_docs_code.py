"""The Python blocks of every page run, one page after the other, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tests.readers import event_files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def train(step: int) -> tuple[Any, Any, float]:
    """Stand for a step of somebody's training."""
    batch = np.random.default_rng(step).random((4, 64, 64, 3))
    return batch, batch**2, 1 / (step + 1)


#: Pages, and the names that their code takes from the reader's program.
PAGES: dict[str, dict[str, Any]] = {
    "README.md": {},
    "docs/index.md": {},
    "docs/tutorial.md": {},
    "docs/guide.md": {"loss": 0.5, "output": np.zeros((1, 3, 8, 8)), "tbimage": tbimage},
    "docs/reliability.md": {"logdir": "runs"},
    "docs/api/functions.md": {},
    "docs/howto/ranges.md": {},
    "docs/howto/recipes.md": {},
    "docs/howto/runs.md": {},
    "docs/howto/service.md": {},
    "docs/howto/training.md": {"train": train, "validate": lambda: 0.5},
}
#: Pages whose code another test runs, or compares with a program that runs.
TESTED_ELSEWHERE = {
    "docs/gallery.md": "tests/examples/test_gallery.py",
    "docs/migrating.md": "tests/compat",
    "docs/reading.md": "tests/reading/test_page.py",
}
NEEDS = ("torch", "matplotlib", "fastapi")


def blocks(page: str, language: str = "python") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(page: str, **names: Any) -> dict[str, Any]:
    """Run the blocks of a page in one namespace, and return it."""
    code = "\n".join(blocks(page))
    for package in NEEDS:
        if re.search(rf"^(import|from) {package}\b", code, re.MULTILINE):
            pytest.importorskip(package)
    namespace = dict(names)
    exec(compile(code, page, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (8, 8)).save("photo.png")
    for each in run(page, **PAGES[page]).values():
        if isinstance(each, tbimage.SummaryWriter):
            assert each.close()
    logged = [file for directory in tmp_path.rglob("*") for file in event_files(directory)]
    assert logged or page == "docs/howto/service.md"


def test_no_page_with_code_is_left_out() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    with_code = {page.relative_to(ROOT).as_posix() for page in pages if blocks(str(page))}
    assert with_code - {*PAGES, *TESTED_ELSEWHERE} == set()
    assert set(PAGES) <= with_code


def test_the_service_answers_and_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.examples.asgi import serving

    monkeypatch.chdir(tmp_path)
    namespace = run("docs/howto/service.md")
    PIL.Image.radial_gradient("L").save("photo.png")
    with serving(namespace["app"]) as client:
        answer = client.post("/edges", Path("photo.png").read_bytes())
        assert answer.status == 200
        assert answer.json()["mean"] > 0
        assert client.post("/edges", b"no picture").status == 415
        assert client.get("/healthz").json()["logged"] == 3
    (run_directory,) = (tmp_path / "runs" / "service").iterdir()
    tags = tbimage.read(run_directory)["."].tags
    assert set(tags) == {"request/photo", "request/edges", "request/mean"}
