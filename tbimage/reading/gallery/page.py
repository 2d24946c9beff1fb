"""Make the HTML of the page, with style and scripts. If the page is not live, add all data."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import html
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import BinaryIO

from tbimage.reading.gallery.assets import Asset, dump
from tbimage.reading.gallery.contents import Contents

__all__ = ["Page", "Shell", "shell", "write_page"]

#: The scripts of the page. A script uses only scripts that come before it.
SCRIPTS = (
    "base.js",
    "markdown.js",
    "charts.js",
    "scalars.js",
    "curves.js",
    "pictures.js",
    "viewer.js",
    "histograms.js",
    "meshes.js",
    "lists.js",
    "main.js",
)
# This number of bytes is reserved for the texts about values that do not fit.
_NOTICE_BYTES = 2000


@dataclass(frozen=True)
class Page:
    """A page that ``tbimage.gallery`` wrote.

    Attributes:
        path: The file.
        bytes: The size of the file.
        runs: How many runs the page shows.
        shown: For each kind, the number of shown values and of all values.
        problems: A message for each value that could not be read.
    """

    path: str
    bytes: int
    runs: int
    shown: Mapping[str, tuple[int, int]]
    problems: Sequence[str]


@dataclass(frozen=True)
class Shell:
    """A page without data.

    Attributes:
        before: The text before the data.
        after: The text after the data.
        policy: The Content-Security-Policy of the page.
    """

    before: bytes
    after: bytes
    policy: str


@functools.cache
def shell(live: bool) -> Shell:
    """Make the page without its data. Scripts in the data cannot run."""
    directory = resources.files("tbimage.reading.gallery") / "page"
    style = _unindented((directory / "gallery.css").read_text(encoding="utf-8"))
    script = "\n".join(
        _unindented((directory / name).read_text(encoding="utf-8")) for name in SCRIPTS
    )
    source = "'self'" if live else "data:"
    rules = {
        "default-src": "'none'",
        "script-src": _hash_of(script),
        "style-src": _hash_of(style),
        "img-src": f"{source} data:" if live else source,
        "media-src": source,
        "connect-src": "'self'" if live else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",  # innerHTML and similar calls raise an error
        "trusted-types": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    text = (directory / "gallery.html").read_text(encoding="utf-8")
    before, after = text.split("<!-- data -->")
    before = before.replace("<!-- policy -->", html.escape(policy))
    before = before.replace("/* style */", style)
    return Shell(before.encode(), after.replace("/* script */", script).encode(), policy)


def _unindented(text: str) -> str:
    """Remove indentation, a tenth of the page. So a string in a script must not span lines."""
    return "\n".join(map(str.strip, text.splitlines()))


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def write_page(
    path: str,
    contents: Contents,
    max_bytes: int,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Page:
    """Write a page with all its data. After an error, an existing file is unchanged."""
    page = shell(live=False)
    index = contents.index
    index["problems"] = {}
    fixed = len(page.before) + len(page.after) + len(_block("index", dump(index)))
    room = max_bytes - fixed - _NOTICE_BYTES
    if room < 0:
        needed = fixed + _NOTICE_BYTES
        raise ValueError(
            f"max_bytes must be at least {needed} for these logs, because the page has "
            f"{len(index['runs'])} runs and their tags; got {max_bytes}"
        )
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"  # another thread may write the same page
    try:
        with open(temporary, "xb") as file:
            file.write(page.before)
            problems = _write_assets(file, contents.assets, index, room, progress)
            file.write(_block("index", dump(index)))
            file.write(page.after)
            size = file.tell()
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return Page(path, size, len(index["runs"]), contents.shown, problems)


def _write_assets(
    file: BinaryIO,
    assets: Mapping[str, Asset],
    index: dict[str, dict[str, str]],
    room: int,
    progress: Callable[[Sequence[str]], Iterable[str]],
) -> list[str]:
    """Write as many assets as fit. Write into the index which assets are missing, and why."""
    problems: list[str] = []
    for name in progress(list(assets)):
        try:
            content_type, content = assets[name]()
        except (OSError, ValueError) as error:
            problems.append(str(error))
            reason = str(error)[:200]
        else:
            block = _asset_block(name, content_type, content)
            reason = "left out: the page would become too large"
            if len(block) <= room:
                file.write(block)
                room -= len(block)
                continue
        room -= len(dump({name: reason}))
        if room >= 0:
            index["problems"][name] = reason
    return problems


def _asset_block(name: str, content_type: str, content: bytes) -> bytes:
    if content_type == "application/json":
        return _block(name, content.decode())
    opening = f'<script type="text/plain" id="{name}" data-type="{content_type}">'
    return opening.encode() + base64.b64encode(content) + b"</script>\n"


def _block(name: str, json: str) -> bytes:
    return f'<script type="application/json" id="{name}">{json}</script>\n'.encode()
