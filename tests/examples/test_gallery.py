"""The example of the gallery, run as a new user runs it: its logs, and its page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage import visual
from tbimage.reading.events import read_run
from tests.cli.command import ENVIRONMENT, ROOT
from tests.pictures import decode

EXAMPLE = ROOT / "examples" / "gallery.py"
PAGE = ROOT / "docs" / "gallery.md"

#: The tags that the page shows, and the width and height of their pictures.
TAGS = {
    "values/depth": (348, 201),
    "values/depth_16_bits": (741, 500),
    "values/slope": (351, 189),
    "values/light": (350, 262),
    "values/light_log": (350, 262),
    "values/faults": (350, 233),
    "activations/first_layer": (348, 360),
    "activations/second_layer": (354, 328),
    "outputs/mask": (350, 302),
    "outputs/boxes": (350, 276),
    "outputs/keypoints": (350, 350),
    "batches/compare/image/0": (349, 138),
    "batches/grid": (350, 242),
    "batches/captions/image/1": (350, 374),
    "batches/animation/image/0": (350, 233),
}


def log_gallery(directory: Path) -> None:
    """Run the example."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--logdir", directory],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert (done.returncode, done.stdout) == (0, "")
    warnings = done.stderr.splitlines()
    assert all("This is said once for each name." in line for line in warnings), done.stderr
    assert len(warnings) == 4  # as the page says: what is faulty is told


def name_of(tag: str) -> str:
    """The name of the file in docs/gallery that shows a tag."""
    return tag.split("/")[1] + ".png"


def test_every_picture_is_logged_in_its_size(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    log_gallery(tmp_path)
    values = {value.tag: value for event in read_run(tmp_path) for value in event.summary.value}
    sizes = {tag: (values[tag].image.width, values[tag].image.height) for tag in TAGS}
    assert sizes == TAGS
    deep = decode(values["values/depth_16_bits"].image.encoded_image_string)
    assert deep.dtype in (np.uint16, np.int32)  # Pillow before 10.3
    assert 20 < values["batches/compare/psnr"].simple_value < 50


def calls_in(source: str) -> list[ast.Call]:
    """The calls of a writer's methods."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("writer.")
    ]


def sources(calls: Iterable[ast.Call]) -> set[str]:
    """Calls in one form, whatever their layout."""
    return {ast.unparse(call) for call in calls}


def test_the_example_says_how_to_run_and_see_it_and_calls_every_function() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert "    python examples/gallery.py\n    tensorboard --logdir runs/gallery\n" in text
    called = {ast.unparse(call.func).removeprefix("writer.") for call in calls_in(text)}
    drawing = {name for name in visual.__all__ if hasattr(tbimage.SummaryWriter, name)}
    assert called == drawing | {"image"}


def test_the_page_shows_the_calls_of_the_example() -> None:
    shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    calls = set().union(*(sources(calls_in(block)) for block in shown))
    assert len(calls) == len(TAGS)
    assert calls <= sources(calls_in(EXAMPLE.read_text(encoding="utf-8")))


def test_the_page_has_every_picture_and_they_are_small() -> None:
    names = {name_of(tag) for tag in TAGS}
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"\(gallery/(\w+\.png)\)", text)) == names
    pictures = list((PAGE.parent / "gallery").iterdir())
    assert {path.name for path in pictures} == names
    sizes = [path.stat().st_size for path in pictures]
    assert max(sizes) < 80_000
    assert sum(sizes) < 1_000_000
