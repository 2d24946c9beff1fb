"""Makes docs/gallery-page.png: three networks that learn a photograph, on a page of the gallery.

python -m tests.reading.gallery_picture
"""

from __future__ import annotations

import base64
import runpy
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image

import tbimage
from tbimage.cli.cases import photographs
from tests.browser import open_browser
from tests.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
STEPS = 301
_HEIGHT, _WIDTH = 64, 96
_SIZE = {"width": 1600, "height": 1010, "deviceScaleFactor": 1, "mobile": False}
_HOVER = """
const canvas = document.querySelector("[data-tag='psnr'] canvas");
const box = canvas.getBoundingClientRect();
const place = { clientX: box.left + 210, clientY: box.top + 52 };
canvas.dispatchEvent(new PointerEvent("pointermove", place));
"""


def train(logdir: Path, hidden: int) -> None:
    """Train a network with as many hidden units, and log what examples/training_loop.py logs."""
    picture = photographs()[0].reshape(_HEIGHT, 4, _WIDTH, 4, 3).mean((1, 3)) / 255
    places = np.indices((_HEIGHT, _WIDTH)).reshape(2, -1).T / _WIDTH
    colors = picture.reshape(-1, 3).astype(np.float32)
    example = runpy.run_path(str(ROOT / "examples" / "training_loop.py"))
    network = example["Network"](np.random.default_rng(0), hidden=hidden)
    features = network.features(places)
    with tbimage.SummaryWriter(logdir / f"{hidden} units") as writer:
        for step in range(STEPS):
            predicted = network.predict(features)
            errors = np.square(predicted - colors).mean(axis=1)
            some = np.random.default_rng(step).integers(0, len(errors), 150)
            writer.scalar("loss", errors[some].mean(), step)
            writer.scalar("psnr", -10 * np.log10(errors.mean()), step)
            writer.scalar("weights", np.sqrt(np.square(network.weights[0]).sum()), step)
            if step % 25 == 0:
                image = predicted.reshape(picture.shape)
                writer.image("prediction", image, step, value_range="unit")
                error = errors.reshape(picture.shape[:2])
                writer.image("squared_error", error, step, value_range=(0, 0.02), colormap="magma")
                writer.histogram("weights/second_layer", network.weights[1], step)
            network.train(features, colors, step)


def main(target: Path) -> None:
    """Train, write the page, and take the picture."""
    with tempfile.TemporaryDirectory() as directory, open_browser() as browser:
        for hidden in (8, 32, 128):
            train(Path(directory, "logs"), hidden)
        page = Path(directory, "page.html")
        tbimage.gallery(Path(directory, "logs"), page, title="A network learns a photograph")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", _SIZE)
        browser.get(page.as_uri())
        loaded = "return [...document.images].filter((each) => each.naturalWidth).length >= 6"
        wait_until(lambda: browser.execute_script(loaded), "the pictures")
        browser.execute_script(_HOVER)
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {})
    target.write_bytes(base64.b64decode(shot["data"]))
    with PIL.Image.open(target) as picture:
        picture.convert("RGB").quantize(200).save(target, optimize=True)


if __name__ == "__main__":
    main(ROOT / "docs" / "gallery-page.png")
