"""The Python blocks of every page run in order, as if a reader pasted them."""

from __future__ import annotations

import contextvars
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tests.cli.command import ENVIRONMENT
from tests.readers import event_files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def train(step: int) -> tuple[Any, Any, float]:
    """Replace a step of the reader's training."""
    batch = np.random.default_rng(step).random((4, 64, 64, 3))
    return batch, batch**2, 1 / (step + 1)


#: What the code of some pages takes from the reader's program.
GIVEN: dict[str, dict[str, Any]] = {
    "docs/guide.md": {"loss": 0.5, "output": np.zeros((1, 3, 8, 8)), "tbimage": tbimage},
    "docs/howto/training.md": {"train": train, "validate": lambda: 0.5},
}
NEEDS = ("torch", "matplotlib", "fastapi")
#: A block that needs this has a test of its own, so that the rest of its page runs without it.
OPENCV = "import cv2\n"


def blocks(page: str | Path, language: str = "python") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(page: str, **names: Any) -> dict[str, Any]:
    """Run the blocks of a page in one namespace, and return it."""
    code = "\n".join(block for block in blocks(page) if OPENCV not in block)
    for package in NEEDS:
        if re.search(rf"^(import|from) {package}\b", code, re.MULTILINE):
            pytest.importorskip(package)
    namespace = dict(names)
    exec(compile(code, page, "exec"), namespace)
    return namespace


def has_a_test_of_its_own(page: Path) -> bool:
    """Tell whether another test module reads a page, which it then names in quotes."""
    here = Path(__file__)
    return any(
        f'"{page.name}"' in path.read_text(encoding="utf-8")
        for path in here.parent.rglob("test_*.py")
        if path != here
    )


PAGES = ["README.md"] + [
    page.relative_to(ROOT).as_posix()
    for page in sorted(DOCS.rglob("*.md"))
    if page.name != "migrating.md" and blocks(page) and not has_a_test_of_its_own(page)
]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (8, 8)).save("photo.png")
    # In a context of its own, as a page may set the default step.
    names = contextvars.copy_context().run(run, page, **GIVEN.get(page, {}))
    for each in names.values():
        if isinstance(each, tbimage.SummaryWriter):
            assert each.close()
    logged = [file for directory in tmp_path.rglob("*") for file in event_files(directory)]
    assert logged or page == "docs/howto/service.md"


def test_code_for_opencv_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (8, 8), "red").save("photo.png")
    with tbimage.SummaryWriter("runs") as writer:
        for page in PAGES:
            for block in blocks(page):
                if OPENCV in block:
                    exec(compile(block, page, "exec"), {"writer": writer})
    (picture,) = tbimage.read("runs")["."].images("frame")
    assert picture.pixels()[0, 0].tolist() == [255, 0, 0]


def test_pages_with_code_are_found() -> None:
    assert {"docs/index.md", "docs/howto/recipes.md", *GIVEN} <= set(PAGES)
    assert "docs/reading.md" not in PAGES  # tests/reading/test_page.py


#: What docs/migrating.md takes from the reader's program.
OF_MIGRATING = """
from types import SimpleNamespace
import numpy as np
import tbimage
from tbimage.compat import tf_summary
trainer, model = SimpleNamespace(fit=lambda model: None), None
step, batch, batches, depth = 0, np.zeros((2, 8, 8, 3)), [1.0, 2.0], np.ones((8, 8))
writer = tf_summary.create_file_writer("runs")
"""


@pytest.mark.parametrize(
    "with_tensorflow", [False, pytest.param(True, marks=[pytest.mark.slow])], ids=["", "tensorflow"]
)
def test_the_code_of_migrating_runs(tmp_path: Path, with_tensorflow: bool) -> None:
    """In a separate process, because it puts adapters in place of their peers."""
    code = [block for block in blocks("docs/migrating.md") if ("@tf.f" in block) is with_tensorflow]
    assert len(code) == (1 if with_tensorflow else 4)
    before = OF_MIGRATING
    if with_tensorflow:
        pytest.importorskip("tensorflow")
        before += "import tensorflow as tf\n"
        code = [block.replace("loss = ...", "loss = batch * 2") for block in code]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([before, *code])],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tags = tbimage.read(tmp_path / "runs")["."].tags
    assert set(tags) == ({"loss"} if with_tensorflow else {"inputs", "depth"})


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
