"""Open TensorBoard's page in a real browser: headless Chromium, controlled by selenium."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from tests.processes import wait_until

#: Headless, without a sandbox (tests run as root in containers), with WebGL by the processor, which
#: TensorBoard's meshes, points and newer charts need, and with no traffic of its own.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

# The least distance of red, green and blue in a pixel that counts as coloured.
_COLOURED = 24

# The content of the first visible element of a selector, also in shadow roots and frames.
_LOOK = """
const within = (element) => [
  element,
  ...[element, element.shadowRoot, element.contentDocument]
    .flatMap((root) => (root ? [...root.children].flatMap(within) : [])),
];
const place = (e) => {
  const { x, y, width, height } = e.getBoundingClientRect();
  return { x, y, width, height };
};
const found = within(document.documentElement)
  .find((e) => e.matches(arguments[0]) && place(e).width > 0);
if (!found) return null;
const visible = within(found).filter((e) => e.offsetParent !== null);
const pictures = visible
  .filter((e) => e.tagName === 'IMG' && e.complete && e.naturalWidth > 0)
  .map((e) => [e.currentSrc, e.naturalWidth, e.naturalHeight]);
const sounds = visible
  .filter((e) => e.tagName === 'AUDIO' && e.readyState > 0)
  .map((e) => e.duration);
const text = visible
  .filter((e) => !['SCRIPT', 'STYLE', 'TEMPLATE'].includes(e.tagName))
  .flatMap((e) => [...e.childNodes])
  .filter((node) => node.nodeType === Node.TEXT_NODE)
  .map((node) => node.textContent.trim())
  .filter((text) => text)
  .join('\\n');
return { place: place(found), pictures, sounds, text };
"""


@dataclass(frozen=True)
class Picture:
    """An `<img>` that is loaded and visible, and the size of its file."""

    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Page:
    """The content of a page: loaded pictures, the seconds of loaded sounds, and lines of text."""

    pictures: tuple[Picture, ...]
    sounds: tuple[float, ...]
    text: str


@contextlib.contextmanager
def open_browser() -> Iterator[Any]:
    """Start Chromium with a fresh profile, as a selenium driver."""
    from selenium import webdriver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield driver
        finally:
            driver.quit()


def screenshot(
    browser: Any,
    url: str,
    path: os.PathLike[str] | str,
    *,
    element: str = "body",
    pictures: int = 0,
    sounds: int = 0,
    text: tuple[str, ...] = (),
    coloured: int = 0,
    sizes: Collection[tuple[int, int]] = (),
    size: tuple[int, int] = (1280, 900),
) -> Page:
    """Open a page, wait for what it is to show, write a PNG of it, and tell what it shows.

    Args:
        browser: From `open_browser` or the fixture of that name.
        url: The page; a page of TensorBoard is its address and "#images", "#timeseries", ….
        path: Where to write the screenshot.
        element: A CSS selector: of the page only the first visible element that it names is
            looked at and photographed.
        pictures: How many pictures at least must have loaded.
        sounds: How many sounds at least must have loaded.
        text: Texts that must be there.
        coloured: How many pixels at least must be of a colour, as lines and surfaces of charts are.
        sizes: Widths and heights of files of pictures that must have loaded.
        size: Width and height of the page in pixels.

    Raises:
        TimeoutError: The page never showed all of that; the error tells what it did show, and a
            screenshot of the whole page has been written.
    """
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")  # otherwise an address with another fragment only would not reload
    browser.get(url)
    last: list[Any] = []

    def shown() -> Page | None:
        look = browser.execute_script(_LOOK, element)
        last.append(look)
        if look is None:
            return None
        loaded = tuple(Picture(*found) for found in look["pictures"])
        page = Page(loaded, tuple(look["sounds"]), look["text"])
        if len(page.pictures) < pictures or len(page.sounds) < sounds:
            return None
        if not all(needed in page.text for needed in text):
            return None
        if not {*sizes} <= {(picture.width, picture.height) for picture in page.pictures}:
            return None
        _photograph(browser, look["place"], path)
        return page if _count_coloured(path) >= coloured else None

    try:
        return wait_until(shown, f"{pictures} pictures and {text} in {element} on {url}")
    except TimeoutError as error:
        browser.save_screenshot(os.fspath(path))
        raise TimeoutError(f"{error}; the page shows {last[-1]}") from error


def photograph(browser: Any, element: str, path: os.PathLike[str] | str) -> None:
    """Write a PNG of the first visible element that a CSS selector names on the page as it is."""
    _photograph(browser, browser.execute_script(_LOOK, element)["place"], path)


def _photograph(browser: Any, place: dict[str, float], path: os.PathLike[str] | str) -> None:
    """Write a PNG of a rectangle of the page as it is."""
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": {**place, "scale": 1}})
    Path(path).write_bytes(base64.b64decode(shot["data"]))


def _count_coloured(path: os.PathLike[str] | str) -> int:
    with PIL.Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return int(np.count_nonzero(np.ptp(pixels, axis=2) > _COLOURED))
