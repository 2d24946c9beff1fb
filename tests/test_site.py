"""The documentation site: no warnings, no dead links, a search, all public names, phones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import wait_until

pytestmark = pytest.mark.timeout(900)  # the first test waits for the site to be built

ROOT = Path(__file__).resolve().parent.parent
CHECK = ROOT / ".ci" / "check_site.py"

#: A phone's width in CSS pixels, and a desktop's.
WIDTHS = (390, 1280)


def check(site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHECK, site], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    pytest.importorskip("sphinx_copybutton")
    directory = tmp_path_factory.mktemp("site")
    doctrees = tmp_path_factory.mktemp("doctrees")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-d", doctrees, ROOT / "docs", directory],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    # With -W a warning is an error. TensorFlow, which autodoc imports, says something anyway.
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.slow
def test_all_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    done = check(site)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    import tbimage
    from tbimage import reading, visual

    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    names = [f"tbimage.{name}" for name in tbimage.__all__ if name != "read"]
    names += [
        f"tbimage.visual.{name}" for name in visual.__all__ if callable(getattr(visual, name))
    ]
    names += [f"tbimage.reading.{name}" for name in reading.__all__]
    names += [f"tbimage.compat.{peer}.SummaryWriter" for peer in ("torch", "tensorboardx")]
    methods = [name for name in vars(tbimage.SummaryWriter) if not name.startswith("_")]
    names += [f"tbimage.SummaryWriter.{name}" for name in methods]
    assert [name for name in names if f'id="{name}"' not in pages] == []


@pytest.mark.slow
def test_the_search_finds_pages_without_a_server(site: Path, browser: Any) -> None:
    browser.get(f"{(site / 'search.html').as_uri()}?q=feature_maps")

    def found() -> list[str]:
        """The results, which come one after the other."""
        script = "return [...document.querySelectorAll('ul.search li a')].map(each => each.href)"
        links: list[str] = browser.execute_script(script)
        return links if any("tutorial.html" in link for link in links) else []

    assert all(link.startswith("file:") for link in wait_until(found, "a result of the search"))


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_screen(site: Path, browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = {}
    for page in site.rglob("*.html"):
        browser.get(page.as_uri())
        wide[page.name] = browser.execute_script("return document.documentElement.scrollWidth")
    assert {name: each for name, each in wide.items() if each > width} == {}


@pytest.mark.parametrize(
    ("element", "why"),
    [
        ('<a href="none.html">', "no such file"),
        ('<a href="#none">', "no such anchor"),
        ('<a href="other.html#none">', "no such anchor"),
        ('<a href="htp:/x">', "not an address"),
        ('<script src="https://elsewhere.example/x.js">', "loads"),
        ('<img src="none.png">', "no such file"),
    ],
)
def test_a_dead_link_is_noticed(tmp_path: Path, element: str, why: str) -> None:
    (tmp_path / "other.html").write_text('<a id="here" href="index.html#top">')
    good = '<a id="top" href="other.html#here"></a><a href="https://github.com/tbimage"></a>'
    (tmp_path / "index.html").write_text(good)
    assert check(tmp_path).returncode == 0
    (tmp_path / "index.html").write_text(good + element)
    done = check(tmp_path)
    assert done.returncode == 1
    assert why in done.stdout
