"""The threads of a writer import nothing: what a summary needs is imported in the call.

A Ctrl-C that falls into an import of the main thread can leave CPython's import lock locked for
ever. Then a thread that imports hangs, and with it the summary that it was making.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pipeline import children

# Each call is made in a forked child, in which no module of a call before is loaded. The script
# prints the modules that threads import.
SCRIPT = """
import os, sys
from threading import get_ident
import numpy as np
import tbimage

logdir = sys.argv[1]
main = get_ident()
imported = []

def note(event, arguments):
    if event == "import" and get_ident() != main:
        imported.append(arguments[0])

sys.addaudithook(note)
random = np.random.default_rng(0)
PHOTO = random.integers(0, 64, (300, 300, 3), np.uint8)
FLAT = np.zeros((300, 300, 3), np.uint8)
FLAT[40:80] = 200
MAP = random.random((300, 300))
CLIP = np.stack([PHOTO, FLAT, PHOTO])
BOXES = np.array([[10, 10, 100, 100]])

{calls}
for number, call in enumerate(CALLS):
    process = os.fork()
    if process == 0:
        try:
            with SummaryWriter(f"{logdir}/{number}", min_free_bytes=1) as writer:
                assert call(writer) is not False, "not logged"
                writer.flush()
        except BaseException as error:
            print(number, type(error), error, flush=True)
        if imported:
            print(number, call.__code__.co_names, imported, flush=True)
        os._exit(0)
    os.waitpid(process, 0)
"""

NATIVE = """
from tbimage import SummaryWriter

CALLS = [
    lambda w: w.image("a", PHOTO, 0),
    lambda w: w.image("a", FLAT, 0),
    lambda w: w.image("a", PHOTO[:20, :20], 0),
    lambda w: w.image("a", PHOTO / 255.0, 0),
    lambda w: w.image("a", PHOTO.astype(np.uint16), 0),
    lambda w: w.image("a", PHOTO > 30, 0),
    lambda w: w.image("a", np.where(PHOTO > 60, np.nan, 0.5), 0),
    lambda w: w.image("a", MAP, 0, colormap="viridis", gamma=2.0),
    lambda w: w.image("a", MAP, 0, colormap="turbo", value_range="minmax", colorbar=True),
    lambda w: w.image("a", CLIP, 0, captions=["a", "b", "c"]),
    lambda w: w.image("a", PHOTO, 0, max_side=100),
    lambda w: w.image("a", PHOTO.astype(np.uint16), 0, scale=0.5),
    lambda w: w.image("a", PHOTO, 0, encoding="jpeg"),
    lambda w: w.image("a", PHOTO, 0, compression="balanced"),
    lambda w: w.image("a", FLAT, 0, compression="small"),
    lambda w: w.image("a", MAP, 0, compression="small"),
    lambda w: w.grid("a", CLIP, 0),
    lambda w: w.grid("a", CLIP, 0, captions=["a", "b", "c"]),
    lambda w: w.feature_maps("a", random.random((16, 64, 64)), 0),
    lambda w: w.compare("a", PHOTO, FLAT, step=0),
    lambda w: w.segmentation("a", PHOTO[..., 0], 0),
    lambda w: w.segmentation("a", PHOTO[..., 0] > 30, 0, image=PHOTO),
    lambda w: w.boxes("a", PHOTO, BOXES, 0),
    lambda w: w.boxes("a", PHOTO, BOXES, 0, labels=["a"]),
    lambda w: w.animation("a", CLIP, 0),
    lambda w: w.animation("a", CLIP, 0, format="gif"),
    lambda w: w.animation("a", FLAT[np.newaxis].repeat(3, 0), 0, format="gif"),
    lambda w: w.video("a", CLIP, 0),
    lambda w: w.scalar("a", 0.5, 0),
    lambda w: w.scalar("a", 0.5),
    lambda w: w.scalars("a", {"b": 0.5}, 0),
    lambda w: w.histogram("a", MAP, 0),
    lambda w: w.histogram_raw("a", [1, 1], [0, 1, 2], 0),
    lambda w: w.text("a", "text", 0),
    lambda w: w.tensor("a", MAP, 0),
    lambda w: w.audio("a", np.zeros((1, 800, 1), np.float32), 8000, 0),
    lambda w: w.hparams({"a": 1}, {"b": 0.5}),
    lambda w: w.hparams({"a": 1}, {"b": 0.5}, status="success"),
    lambda w: w.mesh("a", random.random((1, 10, 3)), 0),
    lambda w: w.pr_curve("a", MAP > 0.5, MAP, 0),
    lambda w: w.pr_curve_raw("a", [1, 1], [1, 0], [1, 1], [0, 1], [1, 1], [1, 1], 0),
    lambda w: w.embedding("a", random.random((4, 3)), labels=list("abcd"), images=CLIP[[0] * 4]),
    lambda w: w.custom_scalars({"a": {"b": ["Multiline", ["c"]]}}),
    lambda w: w.custom_scalars_multiline(["a"]),
    lambda w: w.custom_scalars_margin(["a", "b", "c"]),
    lambda w: w.graph(b""),
    lambda w: w.raw_summary(b""),
    lambda w: w.raw_event(b""),
    lambda w: w.session_log("start", 0),
    lambda w: w.purge(3),
]
# What logs nothing itself, and figure, which needs matplotlib and logs images.
OTHERS = {"aflush", "as_default", "close", "closed", "figure", "flush", "logdir", "path", "stats"}

called = {name for call in CALLS for name in call.__code__.co_names}
public = {name for name in dir(SummaryWriter) if not name.startswith("_")}
assert public - OTHERS <= called, public - OTHERS - called
"""

TENSORBOARDX = """
from tbimage.compat.tensorboardx import SummaryWriter

CALLS = [
    lambda w: w.add_scalar("a", 0.5, 0),
    lambda w: w.add_scalars("a", {"b": 0.5}, 0),
    lambda w: w.add_histogram("a", MAP, 0),
    lambda w: w.add_image("a", PHOTO, 0, dataformats="HWC"),
    lambda w: w.add_images("a", CLIP / 255.0, 0, dataformats="NHWC"),
    lambda w: w.add_image_with_boxes("a", PHOTO, BOXES, 0, dataformats="HWC"),
    lambda w: w.add_image_with_boxes("a", PHOTO, BOXES, 0, dataformats="HWC", labels=["a"]),
    lambda w: w.add_video("a", CLIP[np.newaxis], 0, dataformats="NTHWC"),
    lambda w: w.add_audio("a", np.zeros(800, np.float32), 0),
    lambda w: w.add_text("a", "text", 0),
    lambda w: w.add_hparams({"a": 1}, {"b": 0.5}),
    lambda w: w.add_embedding(random.random((4, 3)), list("abcd")),
    lambda w: w.add_pr_curve("a", MAP > 0.5, MAP, 0),
    lambda w: w.add_mesh("a", random.random((1, 10, 3)), global_step=0),
    lambda w: w.add_custom_scalars({"a": {"b": ["Multiline", ["c"]]}}),
]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")
@pytest.mark.parametrize("calls", [NATIVE, TENSORBOARDX], ids=["native", "tensorboardx"])
@pytest.mark.parametrize("pure", ["0", "1"])
def test_workers_import_nothing(
    tmp_path: Path, calls: str, pure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TBIMAGE_PURE", pure)
    done = children.run(SCRIPT.replace("{calls}", calls), tmp_path)
    assert done.stdout == ""
