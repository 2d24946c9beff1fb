"""TensorBoard's page in a real browser: headless Chromium, driven through selenium.

What lives here: starting the browser, waiting for a page's pictures, looking into shadow roots
(TensorBoard's older pages are web components). What does not: the server (processes.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.processes import wait_until

#: Headless, without a sandbox (tests run as root in containers), and with no traffic of its own.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

# Every element of the page, those within shadow roots too.
_WALK = """
const elements = [];
const walk = (root) => {
  for (const element of root.querySelectorAll('*')) {
    elements.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  }
};
walk(document);
"""
_PICTURES = (
    _WALK
    + """
return elements
  .filter((e) => e.tagName === 'IMG' && e.complete && e.naturalWidth > 0 && e.offsetParent !== null)
  .map((e) => [e.currentSrc, e.naturalWidth, e.naturalHeight]);
"""
)
_TEXT = (
    _WALK
    + """
const own = (e) => [...e.childNodes]
  .filter((node) => node.nodeType === Node.TEXT_NODE)
  .map((node) => node.textContent.trim());
return elements
  .filter((e) => !['SCRIPT', 'STYLE', 'TEMPLATE'].includes(e.tagName) && e.offsetParent !== null)
  .flatMap(own)
  .filter((text) => text)
  .join('\\n');
"""
)


@dataclass(frozen=True)
class Picture:
    """An `<img>` that has loaded and takes part in the layout; the size is the file's own."""

    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Page:
    """What a page shows: its loaded pictures, and its texts, one a line."""

    pictures: tuple[Picture, ...]
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
    pictures: int = 0,
    text: tuple[str, ...] = (),
    size: tuple[int, int] = (1280, 900),
) -> Page:
    """Open a page, wait for what it is to show, write a PNG of it, and tell what it shows.

    Args:
        browser: From `open_browser` or the fixture of that name.
        url: The page; a page of TensorBoard is its address and "#images", "#timeseries", ….
        path: Where to write the screenshot.
        pictures: How many pictures at least must have loaded.
        text: Texts that must be there.
        size: Width and height of the page, and so of the screenshot, in pixels.

    Raises:
        TimeoutError: The page never showed all of that; the error tells what it did show, and the
            screenshot has been written.
    """
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")  # an address that differs by its fragment only would not reload
    browser.get(url)

    def shown() -> Page | None:
        page = Page(
            tuple(Picture(*found) for found in browser.execute_script(_PICTURES)),
            browser.execute_script(_TEXT),
        )
        last.append(page)
        ready = len(page.pictures) >= pictures and all(needed in page.text for needed in text)
        return page if ready else None

    last: list[Page] = []
    try:
        return wait_until(shown, f"{pictures} pictures and {text} on {url}, seen: ")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; the page shows {last[-1]}") from error
    finally:
        browser.save_screenshot(os.fspath(path))
