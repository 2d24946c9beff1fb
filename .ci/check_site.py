"""Say whether the links of a site lead somewhere, and whether it works without a network.

python .ci/check_site.py site
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Links to other hosts are not followed. They must look like this.
_EXTERNAL = re.compile(r"https://[\w.-]+\.[a-z]{2,}(/\S*)?")
#: Elements that a browser loads with the page.
_LOADED = {"script", "img", "link", "iframe", "source", "video"}
#: <link> elements that are not loaded.
_ONLY_NAMED = {"next", "prev", "index", "search", "canonical", "author", "copyright"}


class Page(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if given.get(name))
        target = given.get("href", given.get("src", ""))
        if tag in _LOADED and given.get("rel") not in _ONLY_NAMED:
            self.loaded.append(target)
        if target:
            self.links.append(target)


def problems(site: Path) -> list[str]:
    """Compare the links of all pages with the files and anchors of the site.

    Args:
        site: The directory of the site.

    Returns:
        A line for each link that leads nowhere, and for each thing that comes from another host.
    """
    site = site.resolve()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    found = [] if pages else [f"{site}: no page"]
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        found += [f"{name}: loads {each}" for each in page.loaded if urlsplit(each).netloc]
        found += [
            f"{name}: {link}: {why}" for link in page.links if (why := dead(link, path, pages))
        ]
    return found


def dead(link: str, path: Path, pages: dict[Path, Page]) -> str:
    """Say why a link of a page leads nowhere; nothing where it leads somewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return "" if _EXTERNAL.fullmatch(link) or parts.scheme == "data" else "not an address"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    return "no such anchor" if anchor and anchor not in pages[target].anchors else ""


if __name__ == "__main__":
    lines = problems(Path(sys.argv[1]))
    print("\n".join(lines) or f"{sys.argv[1]}: all links lead somewhere, and nothing is loaded")
    sys.exit(bool(lines))
