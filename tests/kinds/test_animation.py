"""Animations: checks of arguments, the logged files, and that TensorBoard plays them."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tbimage import visual
from tbimage.kinds.animation import prepare
from tbimage.kinds.image import prepare as prepare_image
from tests import readers
from tests.kinds.drawn import draw, log, noise, options
from tests.processes import DEADLINE_SECONDS

CLIPS = noise(2, 5, 16, 24, 3)
PLAIN = options()


def test_clips_of_a_batch() -> None:
    drawn = draw(prepare(CLIPS.transpose(0, 1, 4, 2, 3), "NTCHW", PLAIN, fps=4))
    files = [value.image.encoded_image_string for value in drawn.summary.value]
    assert [value.tag for value in drawn.summary.value] == ["x/image/0", "x/image/1"]
    assert files == [visual.animation(clip, 4) for clip in CLIPS]
    (value, _) = drawn.summary.value
    assert (value.image.height, value.image.width, value.image.colorspace) == (16, 24, 3)


def test_one_clip_as_a_gif_and_with_a_look() -> None:
    chosen = options(colormap="turbo", value_range="minmax", scale=2.0)
    gray = CLIPS[0, ..., 0] * 1.0
    drawn = draw(prepare(gray, None, chosen, fps=4, format="gif"), chosen)
    (value,) = drawn.summary.value
    look: dict[str, Any] = {"colormap": "turbo", "value_range": "minmax", "scale": 2}
    assert value.image.encoded_image_string == visual.animation(gray, 4, format="gif", **look)
    assert (value.image.height, value.image.width) == (32, 48)


def test_fewer_clips_and_none() -> None:
    assert prepare(CLIPS, None, PLAIN, max_outputs=1).suffixes == ("/image/0",)
    assert prepare(CLIPS[:0], None, PLAIN).count == 0


@pytest.mark.parametrize(
    ("frames", "keywords", "error", "message"),
    [
        (CLIPS, {"fps": 0}, ValueError, "fps must be a number"),
        (CLIPS, {"format": "mp4"}, ValueError, "format must be 'apng' or 'gif'"),
        (noise(2, 4, 4, 4), {"format": "gif"}, ValueError, "no partial transparency"),
        (CLIPS[0, 0, :, :, 0], {}, ValueError, "expected the axes THW"),
        (CLIPS.astype(complex), {}, TypeError, "complex128"),
        (np.broadcast_to(np.uint8(0), (2, 20000, 20000)), {}, ValueError, "TensorBoard shows"),
    ],
)
def test_impossible_clips(frames: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        prepare(frames, None, PLAIN, **keywords)
    with pytest.raises(ValueError, match="one channel"):
        prepare(CLIPS, None, options(colormap="turbo"))


def test_readers_serve_the_files_as_they_are(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "png", prepare(CLIPS[0], None, PLAIN))
        log(writer, "gif", prepare(CLIPS[0], None, PLAIN, format="gif"))
    served = readers.read_http(tmp_path, loader)["."]
    (png,), (gif,) = served["png"].images, served["gif"].images
    assert (png.content_type, gif.content_type) == ("image/png", "image/gif")
    assert png.data == visual.animation(CLIPS[0])
    assert gif.data == visual.animation(CLIPS[0], format="gif")


@pytest.mark.slow
def test_clips_move_and_16_bits_are_seen_in_tensorboard(tmp_path: Path, browser: Any) -> None:
    """Screenshots of each picture: those of a clip differ, that of 16 bits is the ramp it was."""
    red_then_blue = np.zeros((2, 64, 64, 3), np.uint8)
    red_then_blue[0, ..., 0] = red_then_blue[1, ..., 2] = 255
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).repeat(64).reshape(64, 64).T
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "clip/apng", prepare(red_then_blue, None, PLAIN, fps=2))
        log(writer, "clip/gif", prepare(red_then_blue, None, PLAIN, fps=2, format="gif"))
        log(writer, "clip/ramp", prepare_image(ramp, None, None, PLAIN))
    with readers.tensorboard_server(tmp_path) as address:
        page = readers.screenshot(browser, f"{address}#images", tmp_path / "page.png", pictures=3)
        assert [picture.width for picture in page.pictures] == [64] * 3
        colors: dict[str, set[str]] = {"apng": set(), "gif": set()}
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline and any(len(seen) < 2 for seen in colors.values()):
            for tag, element in elements_by_tag(browser).items():
                if tag in colors:
                    colors[tag].add(dominant(element.screenshot_as_png))
            time.sleep(0.1)
        assert colors == {"apng": {"red", "blue"}, "gif": {"red", "blue"}}
        shown = decoded(elements_by_tag(browser)["ramp"].screenshot_as_png)[..., 0].astype(int)
    middle = shown[len(shown) // 2]
    assert middle[3] < 20
    assert middle[-4] > 235
    assert (np.diff(middle[3:-3]) >= -2).all()


_PICTURES = """
const found = [];
const walk = (root) => {
  for (const element of root.querySelectorAll('*')) {
    if (element.tagName === 'IMG' && element.naturalWidth > 0) found.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  }
};
walk(document);
return found.map((element) => [element, element.currentSrc]);
"""


def elements_by_tag(browser: Any) -> dict[str, Any]:
    found = {}
    for element, source in browser.execute_script(_PICTURES):
        (key,) = urllib.parse.parse_qs(urllib.parse.urlsplit(source).query)["blob_key"]
        _, _, tag, *_ = json.loads(base64.urlsafe_b64decode(key + "=="))
        found[tag.removeprefix("clip/")] = element
    return found


def decoded(png: bytes) -> Any:
    with PIL.Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def dominant(png: bytes) -> str:
    red, _, blue = decoded(png).reshape(-1, 3).mean(axis=0)
    return "red" if red > blue else "blue"
