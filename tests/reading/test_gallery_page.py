"""The gallery in headless Chromium: its content, and hostile logs."""

from __future__ import annotations

import contextlib
import http.server
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tests.cli.command import started
from tests.processes import wait_until
from tests.reading.peers import PICTURES, STEPS, write_with_tbimage
from tests.reading.test_gallery_live import server_of

#: What the page says of itself; pixels of an <img> are those that the browser decoded.
_LOOK = """
return [...document.querySelectorAll('.card.image figure')].map((figure) => {
  const image = figure.querySelector('img');
  return {
    width: image.complete ? image.naturalWidth : 0,
    height: image.naturalHeight,
    label: figure.querySelector('figcaption').textContent,
    source: image.currentSrc.slice(0, 22),
  };
});
"""
_PIXELS = """
const image = document.querySelector(arguments[0]);
if (!image?.complete || !image.naturalWidth) return null;
const levels = levelsOf(image);
return [levels.width, levels.height, [...levels.data]];
"""


def look(browser: Any, script: str, *arguments: Any) -> Any:
    """Wait until a script returns something."""
    return wait_until(lambda: browser.execute_script(script, *arguments), script)


def open_page(browser: Any, url: str, width: int = 1280, height: int = 2400) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    browser.get(url)
    look(browser, "return document.readyState === 'complete' && cards.size > 0")


def choose(browser: Any, selector: str, value: object) -> None:
    """Set a control as a user does: the event bubbles, and listeners run."""
    look(
        browser,
        "const control = document.querySelector(arguments[0]); if (!control) return false;"
        "control.value = arguments[1];"
        "for (const name of ['input', 'change'])"
        "  control.dispatchEvent(new Event(name, { bubbles: true }));"
        "return true",
        selector,
        value,
    )


def pixels(browser: Any, selector: str) -> np.ndarray:
    width, height, levels = look(browser, _PIXELS, selector)
    return np.array(levels, np.uint8).reshape(height, width, 4)[..., :3]


def errors(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page of two runs with every kind."""
    directory = tmp_path_factory.mktemp("gallery")
    for run in "train", "eval":
        write_with_tbimage(directory / "logs" / run)
    tbimage.gallery(directory / "logs", directory / "page.html")
    return (directory / "page.html").as_uri()


def test_every_kind_is_shown(browser: Any, page: str) -> None:
    errors(browser)
    open_page(browser, page, height=5000)
    sections = browser.execute_script(
        "return [...document.querySelectorAll('main section[id]')].map((each) => each.id)"
    )
    kinds = "scalar", "image", "histogram", "text", "audio", "hparams", "others"
    assert sections == [f"section-{kind}" for kind in kinds]
    shown = look(
        browser, f"const all = (() => {{{_LOOK}}})(); return all.every(e => e.width) && all"
    )
    assert [(each["width"], each["height"]) for each in shown] == [(7, 5)] * 8
    assert [each["label"] for each in shown] == [
        *("eval#0", "eval#1", "eval#2", "train#0", "train#1", "train#2"),
        *("eval", "train"),
    ]
    assert {each["source"] for each in shown} == {"data:image/png;base64,"}
    durations = look(
        browser,
        "const all = [...document.querySelectorAll('audio')].map((each) => each.duration);"
        "return all.length === 2 && all.every((each) => each > 0) && all",
    )
    assert durations == [0.1, 0.1]
    for card in "scalar[data-tag=loss]", "histogram":
        colours = look(
            browser,
            "const canvas = document.querySelector(arguments[0]);"
            "if (!canvas?.width) return 0;"
            "const { width, height } = canvas;"
            "const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
            "let coloured = 0;"
            "for (let at = 0; at < data.length; at += 4)"
            "  if (data[at + 3] && Math.max(data[at], data[at + 1], data[at + 2]) "
            "    - Math.min(data[at], data[at + 1], data[at + 2]) > 40) coloured++;"
            "return coloured",
            f".{card} canvas",
        )
        assert colours > 300
    cells = look(
        browser,
        "const all = [...document.querySelectorAll('.hparams td')].map((each) => each.textContent);"
        "return all.length && all",
    )
    assert cells[:4] == ["eval", "true", "0.5", "x"]  # sorted by name: fast, lr, name
    assert "accuracy" in browser.find_element("css selector", ".hparams thead").text
    told = "return document.querySelector('.card.text').innerText.includes(arguments[0])"
    look(browser, told, f"step {STEPS - 1} <b>")
    assert "Loss" in browser.find_element("css selector", ".scalar .description em").text
    assert errors(browser) == []
    assert browser.execute_script("return performance.getEntriesByType('resource')") == []


_FIRST = ".card.image[data-tag='picture'] img"


def test_the_slider_moves_and_pixels_are_exact(browser: Any, page: str) -> None:
    open_page(browser, page)
    assert np.array_equal(pixels(browser, _FIRST), PICTURES[STEPS - 1])
    slider = ".card.image[data-tag='picture'] input[type=range]"
    for step in 0, 3:
        before = browser.execute_script("return document.querySelector(arguments[0]).src", _FIRST)
        choose(browser, slider, step)
        after = browser.execute_script("return document.querySelector(arguments[0]).src", _FIRST)
        assert before != after
        assert np.array_equal(pixels(browser, _FIRST), PICTURES[step])
    label = browser.find_element("css selector", ".card.image[data-tag='picture'] output").text
    assert label == "step 3"


def visible(browser: Any, selector: str) -> list[str]:
    script = """
        return [...document.querySelectorAll(arguments[0])]
            .filter((each) => each.offsetParent).map((each) => each.innerText.trim());
    """
    found: list[str] = browser.execute_script(script, selector)
    return found


def expect(browser: Any, selector: str, texts: list[str]) -> None:
    """Wait until exactly these texts are visible; cards are drawn when they become visible."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: visible(browser, selector) == texts, selector, seconds=60)
    assert visible(browser, selector) == texts


def test_search_by_tag_and_by_run(browser: Any, page: str) -> None:
    open_page(browser, page)
    choose(browser, "#tag-query", "PICT")
    expect(browser, ".card h3", ["picture"])
    expect(browser, "#sections a", ["Images1"])
    choose(browser, "#run-query", "tra")
    expect(browser, "#runs li", ["train"])
    expect(browser, ".card.image figcaption", ["train"])
    choose(browser, "#tag-query", "nothing")
    expect(browser, ".card h3", [])
    expect(browser, "#nothing", ["No tag has “nothing” in its name."])
    choose(browser, "#tag-query", "")
    choose(browser, "#run-query", "")
    assert len(visible(browser, ".card")) > 6
    browser.execute_script("document.querySelector('#runs input').click()")
    expect(browser, ".card.image[data-tag='picture'] figcaption", ["train"])


def test_hover_tells_the_values_of_all_runs(browser: Any, page: str) -> None:
    open_page(browser, page)
    choose(browser, "#smoothing", 0)
    told = look(
        browser,
        "const canvas = document.querySelector('.scalar[data-tag=loss] canvas');"
        "const box = canvas.getBoundingClientRect();"
        "canvas.dispatchEvent(new PointerEvent('pointermove',"
        "  { clientX: box.right - 14, clientY: box.top + 50 }));"
        "const tooltip = document.getElementById('tooltip');"
        "return !tooltip.hidden && tooltip.innerText",
    )
    assert "eval" in told
    assert "train" in told
    number = f"{1 / (STEPS + 2):.4g}"
    assert number in told


def test_a_picture_opens_in_full_size_with_crisp_pixels(browser: Any, page: str) -> None:
    open_page(browser, page, height=900)
    look(browser, "document.querySelector('#section-image').scrollIntoView(); return true")
    look(browser, "const b = document.querySelector(\".card[data-tag='picture'] .picture\");"
         "b?.click(); return b !== null")  # fmt: skip
    style = look(
        browser,
        "const image = document.querySelector('#viewer .crisp');"
        "return image?.clientWidth > 7 && [image.naturalWidth, image.clientWidth,"
        "  getComputedStyle(image).imageRendering, getComputedStyle(image.parentElement).overflow]",
    )
    assert style[0] == 7
    assert style[1] % 7 == 0  # each pixel of the picture takes as many of the screen
    assert style[2] == "pixelated"
    assert "7 × 5 pixels" in browser.find_element("css selector", ".viewer-foot").text
    browser.execute_script(
        "const image = document.querySelector('#viewer .crisp');"
        "const box = image.getBoundingClientRect();"
        "image.dispatchEvent(new PointerEvent('pointermove', {"
        "  clientX: box.left + box.width * 2.5 / 7, clientY: box.top + box.height * 1.5 / 5 }))"
    )
    levels = " ".join(map(str, PICTURES[STEPS - 1][1, 2]))
    assert browser.find_element("css selector", ".pixel").text.split() == f"(2, 1) {levels}".split()


def test_the_difference_of_two_runs(browser: Any, tmp_path: Path) -> None:
    picture = np.full((5, 7, 3), 100, np.uint8)
    changed = picture.copy()
    changed[2, 3, 1] += 9
    for run, each in ("a", picture), ("b", changed):
        with tbimage.SummaryWriter(tmp_path / "logs" / run) as writer:
            writer.image("picture", each, 0)
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    open_page(browser, (tmp_path / "page.html").as_uri(), height=900)
    look(browser, "const b = document.querySelector('.picture'); b?.click(); return b !== null")
    choose(browser, "select[title='Compare with']", "series 1")
    look(browser, "return document.querySelectorAll('#viewer .crisp').length === 2")
    choose(browser, "select[title='How to compare']", "difference16")
    told = look(
        browser,
        "return document.querySelector('#viewer canvas')"
        " && document.querySelector('.viewer-foot').innerText",
    )
    assert told.startswith("1 of 35 pixels differ, by at most 9, on average by ")
    data = browser.execute_script(
        "const canvas = document.querySelector('#viewer canvas');"
        "return [...canvas.getContext('2d').getImageData(0, 0, 7, 5).data]"
    )
    expected = np.zeros((5, 7, 4), np.uint8)
    expected[..., 3] = 255
    expected[2, 3, 1] = 9 * 16
    assert np.array_equal(np.reshape(data, (5, 7, 4)), expected)


def test_what_was_left_out_is_said(browser: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        for step in range(30):
            writer.image("noise", random.integers(0, 256, (60, 60, 3), np.uint8), step)
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html", max_bytes=250_000)
    shown, count = written.shown["image"]
    assert 1 < shown < count == 30
    open_page(browser, (tmp_path / "page.html").as_uri())
    notice = (
        f"Not everything is on this page. It has {shown} of 30 values of kind image, "
        "chosen evenly over the steps."
    )
    expect(browser, ".notice", [notice])
    expect(browser, ".card .note", [f"{shown} of 30 images"])


@pytest.mark.parametrize("width", [360, 1280, 2200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width_in_light_and_dark(
    browser: Any, page: str, width: int, scheme: str
) -> None:
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    try:
        open_page(browser, page, width=width)
        colours = [
            browser.execute_script(
                f"return getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)"
            )
            for name in ("backgroundColor", "color")
        ]
        assert (sum(colours[0]) > sum(colours[1])) is (scheme == "light")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        browser.execute_script("document.getElementById('theme').click()")
        other = browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert (sum(other) > sum(colours[0])) is (scheme == "dark")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


# Hostile logs.


@contextlib.contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server that must get no request; requests are noted."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def attacks(url: str) -> list[str]:
    return [
        f"<script>window.pwned=1;fetch('{url}/a')</script>",
        f"</script><script src={url}/b></script><img src={url}/c onerror=window.pwned=1>",
        f"![x]({url}/d) [y](javascript:window.pwned=1) <iframe src={url}/e></iframe>",
        f"\"'><svg onload=window.pwned=1><style>@import '{url}/f';</style>",
        f"`<b>`\n\n| a | b |\n|---|---|\n| <script>window.pwned=1</script> | {url} |\n\n"
        f"> <img src={url}/g>\n\n- [z](data:text/html,<script>pwned=1</script>)\n\n__proto__",
    ]


def write_attacks(logs: Path, url: str) -> None:
    for number, attack in enumerate(attacks(url)):
        run = attack.replace("/", "∕")[:120]
        with tbimage.SummaryWriter(logs / f"{number}{run}") as writer:
            writer.scalar(f"s{attack}", 1.0, 0, description=attack)
            writer.image(f"i{attack}", np.zeros((4, 4, 3), np.uint8), 0, description=attack)
            writer.text(f"t{attack}", attack, 0, description=attack)
            writer.text(f"table{number}", np.array([[attack, "x"], [attack, "y"]]), 0)
            writer.histogram(f"h{attack}", np.arange(9.0), 0, description=attack)
            writer.audio(f"a{attack}", np.zeros((1, 80, 1), np.float32), 8000, 0)
            writer.tensor(f"o{attack}", np.arange(3), step=0)
            writer.hparams({f"p{attack}": attack}, {f"m{attack}": 1.0}, 0)
            layout = {attack: {attack: ["Multiline", [attack]]}}
            writer.custom_scalars(layout)
            writer.pr_curve(f"c{attack}", [1, 0], [0.9, 0.2], step=0, description=attack)
            writer.mesh(f"w{attack}", np.eye(3), step=0, description=attack)


_USE = """
for (const each of document.querySelectorAll('details')) each.open = true;
for (const each of document.querySelectorAll('.hparams th button')) each.click();
const canvas = document.querySelector('.scalar canvas');
const box = canvas.getBoundingClientRect();
const place = { clientX: box.left + 99, clientY: box.top + 99 };
canvas.dispatchEvent(new PointerEvent('pointermove', place));
document.querySelector('.picture')?.click();
return true;
"""


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
def test_no_text_of_a_log_runs_or_loads_anything(browser: Any, tmp_path: Path, live: bool) -> None:
    with trap() as (url, asked), contextlib.ExitStack() as stack:
        write_attacks(tmp_path / "logs", url)
        if live:
            address = stack.enter_context(server_of(tmp_path / "logs")).address
        else:
            tbimage.gallery(tmp_path / "logs", tmp_path / "page.html", title=attacks(url)[1])
            address = (tmp_path / "page.html").as_uri()
        errors(browser)
        open_page(browser, address, height=12000)
        look(browser, "return document.querySelectorAll('.picture img').length >= 5")
        look(browser, "return document.querySelectorAll('.card.text .markdown').length >= 10")
        look(browser, _USE)
        look(browser, "return document.querySelector('#viewer .crisp') !== null")
        assert browser.execute_script("return typeof window.pwned") == "undefined"
        assert asked == []
        elements = browser.execute_script(
            "return [...new Set([...document.querySelectorAll("
            "  'script:not([type]), iframe, object, embed, svg, base, form, link, style, [onerror],"
            "   [onload], main a')].map((each) => each.outerHTML.slice(0, 60)))]"
        )
        own = [each for each in elements if each.startswith(("<script>", "<style>", "<link"))]
        assert len(own) == 3
        links = [each for each in elements if each not in own]
        assert all(each.startswith('<a href="http://127.0.0.1') for each in links)
        shown = browser.execute_script("return document.body.innerText")
        for attack in attacks(url)[:2]:
            assert shown.count(attack) >= 4  # as text
        hosts = browser.execute_script(
            "return [...new Set(performance.getEntriesByType('resource')"
            ".map((each) => new URL(each.name).origin))]"
        )
        assert hosts == ([address.rstrip("/")] if live else [])
        assert errors(browser) == []
        browser.get("about:blank")  # before its server ends


def test_the_policy_stops_what_would_get_through(browser: Any, page: str) -> None:
    """The second line of defence: an element that a defect inserts neither runs nor loads."""
    with trap() as (url, asked):
        open_page(browser, page)
        violations = browser.execute_async_script(
            """
            const [url, done] = arguments;
            const found = [];
            const note = (event) => found.push(event.effectiveDirective);
            addEventListener('securitypolicyviolation', note);
            const image = document.createElement('img');
            image.src = url + '/image';
            document.body.append(image);
            try { document.body.innerHTML += '<p>'; } catch { found.push('innerHTML'); }
            const script = document.createElement('script');
            try { script.text = 'window.pwned = 1'; } catch { found.push('text'); }
            fetch(url + '/fetch').catch(() => {});
            setTimeout(() => done(found), 500);
            """,
            url,
        )
        assert {"img-src", "connect-src", "innerHTML", "text"} <= set(violations)
        assert asked == []


# The live page.


def test_a_live_page_takes_in_what_is_appended(browser: Any, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write_with_tbimage(logs / "train")
    with started("serve", logs, "--port", "0") as process:
        assert process.stdout is not None
        address, _, rest = process.stdout.readline().partition(" ")
        assert rest == f"shows {logs} (Ctrl-C ends it)\n"
        open_page(browser, address)
        assert np.array_equal(pixels(browser, _FIRST), PICTURES[STEPS - 1])
        with tbimage.SummaryWriter(logs / "train") as writer:
            writer.image("picture", 255 - PICTURES[0], STEPS + 5)
        with tbimage.SummaryWriter(logs / "later") as writer:
            writer.scalar("loss", 1.0, 0)
        look(browser, "return state.index.runs.includes('later')")
        label = ".card.image[data-tag='picture'] output"
        look(
            browser,
            f"return document.querySelector(\"{label}\").textContent === 'step {STEPS + 5}'",
        )
        wait_until(
            lambda: np.array_equal(pixels(browser, _FIRST), 255 - PICTURES[0]), "the new picture"
        )
        assert "later" in browser.find_element("id", "runs").text
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    look(browser, "return document.body.classList.contains('stale')")  # the server has ended
    assert np.array_equal(pixels(browser, _FIRST), 255 - PICTURES[0])
    browser.get("about:blank")  # no more requests that are refused, each of which is an error


# Many runs.


@pytest.mark.slow
def test_a_thousand_runs_can_be_used(browser: Any, tmp_path: Path) -> None:
    from tbimage.events import wire
    from tbimage.events.records import frame, small_record

    PIL.Image.fromarray(np.full((24, 32, 3), 80, np.uint8)).save(tmp_path / "picture.png")
    encoded = (tmp_path / "picture.png").read_bytes()
    metadata = wire.summary_metadata("images", b"", None, wire.DATA_CLASS_BLOB_SEQUENCE)
    picture = wire.image_value("picture", 24, 32, 3, [encoded], metadata)
    for number in range(1000):
        run = tmp_path / "logs" / f"group{number % 10}" / f"run{number}"
        run.mkdir(parents=True)
        records: list[Any] = [small_record(wire.file_version_event(1.7e9, "tbimage"))]
        for tag in range(10):
            before, after = wire.scalar_frame(f"train/metric_{tag}")
            for step in range(20):
                value = before + wire.float32(number / (step + 1)) + after
                records.append(small_record(wire.small_event(1.7e9 + step, step, value)))
        records += frame(wire.event(1.7e9, 1, wire.summary([picture])))
        (run / "events.out.tfevents.1700000000.host").write_bytes(b"".join(records))
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    assert written.shown == {"scalar": (200_000, 200_000), "image": (1000, 1000)}
    open_page(browser, (tmp_path / "page.html").as_uri(), height=6000)
    look(browser, "return document.querySelectorAll('.card.image figure').length === 12")
    expect(browser, ".card.image .more", ["Show 12 more of 988"])
    browser.execute_script("document.querySelector('.more').click()")
    look(browser, "return document.querySelectorAll('.card.image figure').length === 24")
    choose(browser, "#run-query", "group3 run7")
    found = visible(browser, "#runs li")
    numbers = [number for number in range(3, 1000, 10) if str(number).startswith("7")]
    assert found == [f"group3/run{number}" for number in numbers]
    assert browser.execute_script("return cards.get('scalar train/metric_0').shown.length") == len(
        found
    )
