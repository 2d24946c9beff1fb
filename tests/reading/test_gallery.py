"""The page of ``tbimage.gallery``: its content, its size, and refused arguments."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events.messages import Summary, SummaryMetadata, TensorProto
from tbimage.events.records import frame
from tbimage.reading.gallery.page import SCRIPTS, shell
from tbimage.reading.gallery.sampling import choose, evenly, fair_shares
from tbimage.reading.scan import RecordScanner
from tests import readers
from tests.reading.peers import WRITERS, write_with_tbimage

_BLOCK = re.compile(r'<script type="([\w/]+)" id="(\w+)"(?: data-type="([\w/]+)")?>(.*)</script>')


@dataclass(frozen=True)
class Parsed:
    """The data of a page."""

    index: dict[str, Any]
    assets: dict[str, Any]  # parsed JSON, or bytes

    def card(self, kind: str, tag: str) -> dict[str, Any]:
        (card,) = (card for card in self.index[kind] if card["tag"] == tag)
        return dict(card)


def parse(path: Path) -> Parsed:
    """Take a page apart."""
    assets: dict[str, Any] = {}
    for kind, name, _, content in _BLOCK.findall(path.read_text("utf-8")):
        is_json = kind == "application/json"
        assets[name] = json.loads(content) if is_json else base64.b64decode(content)
    return Parsed(assets.pop("index"), assets)


def decoded(text: str, dtype: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two runs with 40 noisy pictures and 300 scalars each."""
    random = np.random.default_rng(0)
    for run in "run2", "run10":
        with tbimage.SummaryWriter(tmp_path / "logs" / run) as writer:
            for step in range(300):
                writer.scalar("loss", 1 / (step + 1), step)
            for step in range(0, 400, 10):
                writer.image("noise", random.integers(0, 256, (32, 32, 3), np.uint8), step)
    return tmp_path / "logs"


# Content.


@pytest.mark.parametrize("writer", WRITERS)
def test_a_page_has_the_values_of_every_writer(writer: str, tmp_path: Path) -> None:
    """The data of the page equal what ``read`` gives, of all kinds."""
    WRITERS[writer](tmp_path / "logs" / "run")
    run = tbimage.read(tmp_path / "logs")["run"]
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    assert written.problems == []
    page = parse(tmp_path / "page.html")
    seen = 0
    for tag, about in run.tags.items():
        if about.kind == "scalar":
            (series,) = page.card("scalar", tag)["series"]
            asset = page.assets[series["asset"]]
            (line,) = asset["lines"]
            numbers = decoded(line["values"], "<f8" if line["double"] else "<f4")
            assert np.array_equal(numbers, run.scalars(tag).values)
            steps = decoded(asset["steps"][line["steps"]], "<f8")
            assert np.array_equal(steps, run.scalars(tag).steps)
        elif about.kind == "text":
            (series,) = page.card("text", tag)["series"]
            assert page.assets[series["asset"]] == [text.text for text in run.texts(tag)]
        elif about.kind == "histogram":
            (series,) = page.card("histogram", tag)["series"]
            for shown, histogram in zip(
                page.assets[series["asset"]], run.histograms(tag), strict=True
            ):
                assert np.allclose(np.reshape(shown, (-1, 3)), histogram.buckets, rtol=1e-5)
        elif about.kind in ("image", "audio"):
            values = run.images(tag) if about.kind == "image" else run.audio(tag)
            batch = re.fullmatch(r"(.+)/image/(\d+)", tag)
            card = page.card(about.kind, batch[1] if batch else tag)
            first = int(batch[2]) if batch else 0
            for item in values:
                (series,) = (s for s in card["series"] if s["sample"] == first + item.sample)
                name = series["assets"][series["steps"].index(item.step)]
                assert page.assets[name] == item.encoded
        else:
            continue
        seen += 1
    assert seen >= 3


def test_runs_and_tags_are_sorted_as_people_do(logs: Path, tmp_path: Path) -> None:
    tbimage.gallery(logs, tmp_path / "page.html")
    assert parse(tmp_path / "page.html").index["runs"] == ["run2", "run10"]


def test_descriptions_and_hyperparameters_are_told(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.scalar("loss", 0.5, 0, description="What is *left*.")
        writer.scalar("loss", float("nan"), 1)
        writer.hparams({"rate": 0.1, "name": "x", "fast": True, "bad": float("inf")}, ["loss"])
        writer.tensor("own", np.arange(3), step=0)
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html", title="Monday's")
    index = parse(tmp_path / "page.html").index
    assert index["title"] == "Monday's"
    assert index["scalar"][0]["description"] == "What is *left*."
    (row,) = index["hparams"]
    assert row["values"] == {"rate": 0.1, "name": "x", "fast": True, "bad": "inf"}
    assert row["metrics"] == {"loss": "nan"}
    assert [(other["tag"], other["kind"]) for other in index["others"]] == [("own", "tensor")]


def test_numbers_that_float32_cannot_hold_stay_exact(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch.utils.tensorboard")
    writer = torch.SummaryWriter(str(tmp_path / "logs"))
    writer.add_scalar("time", 1.7e9 + 0.125, 1, new_style=True, double_precision=True)
    writer.close()
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    page = parse(tmp_path / "page.html")
    (line,) = page.assets[page.card("scalar", "time")["series"][0]["asset"]]["lines"]
    assert line["double"]
    assert decoded(line["values"], "<f8").tolist() == [1.7e9 + 0.125]


# Size.


@pytest.mark.parametrize("max_bytes", [100_000, 130_000, 200_000, 400_000, 10_000_000])
def test_a_page_is_not_larger_than_allowed(logs: Path, tmp_path: Path, max_bytes: int) -> None:
    written = tbimage.gallery(logs, tmp_path / "page.html", max_bytes=max_bytes)
    assert written.bytes == (tmp_path / "page.html").stat().st_size <= max_bytes
    page = parse(tmp_path / "page.html")
    assert page.index["problems"] == {}
    assert page.index["shown"] == {kind: list(each) for kind, each in written.shown.items()}
    first, second = page.card("image", "noise")["series"]
    assert first["steps"] == second["steps"]  # so that both runs can be compared
    assert written.shown["image"] == (2 * len(first["steps"]), 80)
    assert (len(first["steps"]) == 40) is (max_bytes == 10_000_000)
    if len(first["steps"]) > 1:
        gaps = np.diff(first["steps"])
        assert (first["steps"][0], first["steps"][-1]) == (0, 390)
        assert gaps.max() - gaps.min() <= 10  # evenly


def test_a_page_that_is_written_twice_at_once_is_written(logs: Path, tmp_path: Path) -> None:
    path = tmp_path / "pages" / "page.html"
    path.parent.mkdir()

    def write(names: Sequence[str]) -> Iterable[str]:
        """As another thread may do meanwhile."""
        tbimage.gallery(logs, path, title="other")
        return names

    page = tbimage.gallery(logs, path, title="this", progress=write)
    assert page.bytes == path.stat().st_size
    assert os.listdir(path.parent) == ["page.html"]


def test_pictures_that_do_not_fit_leave_room_for_the_rest(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.image("large", random.integers(0, 256, (600, 600, 3), np.uint8), 0)
        writer.image("small", random.integers(0, 256, (8, 8, 3), np.uint8), 0)
        writer.scalar("loss", 1.0, 0)
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html", max_bytes=300_000)
    assert written.shown == {"scalar": (1, 1), "image": (1, 2)}
    assert written.bytes < 300_000


def test_a_limit_below_the_empty_page_is_an_error(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("the one before")
    with pytest.raises(ValueError, match=r"max_bytes must be at least \d+ .*; got 1000"):
        tbimage.gallery(logs, page, max_bytes=1000)
    assert page.read_text() == "the one before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["page.html"]


@given(st.integers(0, 5000), st.integers(0, 60))
def test_evenly_keeps_the_ends(count: int, most: int) -> None:
    chosen = evenly(count, most).tolist()
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen))
    if chosen:
        assert chosen[-1] == count - 1
    if len(chosen) > 1:
        assert chosen[0] == 0


@given(st.lists(st.integers(0, 1000), max_size=20), st.integers(0, 5000))
def test_shares_are_fair(needs: list[int], room: int) -> None:
    shares = fair_shares(needs, room)
    assert sum(shares) <= room
    assert all(share <= need for share, need in zip(shares, needs, strict=True))
    if sum(needs) <= room:
        assert shares == needs
    unmet = [share for share, need in zip(shares, needs, strict=True) if share < need]
    if unmet:  # no share below its need is much smaller than another share
        assert max(shares) - min(unmet) <= 1
        assert room - sum(shares) <= len(needs)


@given(
    st.lists(st.lists(st.integers(1, 100), max_size=30), max_size=6),
    st.integers(0, 3000),
    st.integers(1, 40),
)
def test_what_is_chosen_fits(sizes: list[list[int]], room: int, most: int) -> None:
    arrays = [np.array(each, np.int64) for each in sizes]
    chosen = choose(arrays, room, most)
    assert [len(each) for each in chosen] <= [min(len(each), most) for each in sizes] or not sizes
    total = sum(int(each[at].sum()) for each, at in zip(arrays, chosen, strict=True))
    assert total <= room
    if sum(map(sum, sizes)) <= room and max(map(len, sizes), default=0) <= most:
        assert [len(each) for each in chosen] == [len(each) for each in sizes]


# Hostile and wrong input.


def test_no_script_but_its_own_may_run() -> None:
    """The policy names the page's script and style by their hashes, and no other source."""
    for live in False, True:
        page = shell(live)
        text = (page.before + page.after).decode()
        told = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
        assert told is not None
        assert html.unescape(told[1]) == page.policy
        rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
        for name, element in ("script-src", "script"), ("style-src", "style"):
            (content,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert rules[name] == f"'sha256-{digest}'"
        assert rules["default-src"] == "'none'"
        assert rules["connect-src"] == ("'self'" if live else "'none'")


def test_the_page_is_made_of_all_its_files() -> None:
    directory = Path(tbimage.reading.gallery.__file__).parent / "page"
    assert {path.name for path in directory.iterdir()} == {
        "gallery.css",
        "gallery.html",
        *SCRIPTS,
    }
    assert not re.search(r"(src|href)=\"?https?:", shell(False).before.decode())


HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)>"


def test_no_text_ends_a_script_element(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.scalar(HOSTILE, 1.0, 0, description=HOSTILE)
        writer.text("note", HOSTILE, 0)
        writer.hparams({HOSTILE: HOSTILE}, [HOSTILE])
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html", title=HOSTILE)
    text = (tmp_path / "page.html").read_text()
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    page = parse(tmp_path / "page.html")
    assert page.index["title"] == page.index["scalar"][0]["tag"] == HOSTILE
    assert page.assets[page.card("text", "note")["series"][0]["asset"]] == [HOSTILE]


def damage_a_picture(logs: Path) -> None:
    (path,) = readers.event_files(logs)
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 500] ^= 0xFF
    path.write_bytes(data)


def test_a_damaged_picture_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        for step in range(3):
            writer.image("noise", random.integers(0, 256, (200, 200, 3), np.uint8), step)
    damage_a_picture(tmp_path / "logs")
    written = tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    (problem,) = written.problems
    assert "checksum of its payload" in problem
    page = parse(tmp_path / "page.html")
    (series,) = page.card("image", "noise")["series"]
    assert [name in page.assets for name in series["assets"]] == [False, True, True]
    assert page.index["problems"] == {series["assets"][0]: problem}


def test_a_value_that_cannot_be_decoded_does_not_hide_the_others(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.histogram("weights", np.arange(9.0), 0)
        plugin = SummaryMetadata.PluginData(plugin_name="histograms")
        tensor = TensorProto(dtype=1, float_val=[1.0])  # no [k, 3]
        metadata = SummaryMetadata(plugin_data=plugin)
        value = Summary.Value(tag="weights", tensor=tensor, metadata=metadata)
        writer.raw_summary(Summary(value=[value]), 1)
    assert tbimage.gallery(tmp_path / "logs", tmp_path / "page.html").problems == []
    page = parse(tmp_path / "page.html")
    first, second = page.assets[page.card("histogram", "weights")["series"][0]["asset"]]
    assert len(first) > 1
    assert "a histogram has the shape [k, 3]" in second["problem"]


def test_odd_tags_and_steps(tmp_path: Path) -> None:
    """Thousands of digits, a batch beside a picture of its name, steps above 2 ** 53."""
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.scalar("7" * 5000, 1.0, 0)
        for step in 2**53, 2**53 + 1:
            writer.image("a", np.full((2, 2, 3), step % 7, np.uint8), step)
        writer.image("a/image/0", np.zeros((3, 3, 3), np.uint8), 0)
        writer.image("b", np.zeros((2, 2, 2, 3), np.uint8), 0)
    tbimage.gallery(tmp_path / "logs", tmp_path / "page.html")
    page = parse(tmp_path / "page.html")
    cards = {card["tag"]: card["series"] for card in page.index["image"]}
    assert {tag: [each["sample"] for each in series] for tag, series in cards.items()} == {
        "a": [0],
        "a/image/0": [0],
        "b": [0, 1],
    }
    assert cards["a"][0]["steps"] == [2**53, 2**53 + 1]


def test_pictures_that_browsers_do_not_show_become_png(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    file = io.BytesIO()
    picture.save(file, "TIFF")
    image = Summary.Image(encoded_image_string=file.getvalue())
    summary = Summary(value=[Summary.Value(tag="tiff", image=image)])
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        writer.raw_summary(summary, 0)
    assert tbimage.gallery(tmp_path / "logs", tmp_path / "page.html").problems == []
    page = parse(tmp_path / "page.html")
    (series,) = page.card("image", "tiff")["series"]
    shown = PIL.Image.open(io.BytesIO(page.assets[series["assets"][0]]))
    assert shown.format == "PNG"
    assert np.array_equal(np.asarray(shown), np.asarray(picture))


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    """The records of two files with every kind, in both forms."""
    directory = tmp_path_factory.mktemp("payloads")
    found = []
    for wire in "image", "tensor":
        write_with_tbimage(directory / wire, wire=wire)
        (path,) = readers.event_files(directory / wire)
        with open(path, "rb") as file:
            scanned = RecordScanner(str(path)).records(file.fileno())
            found.append([payload for _, _, payload in scanned if payload is not None])
    return found


@settings(max_examples=100)
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.booleans())
def test_messages_of_any_content_make_a_page(
    payloads: list[list[bytes]], random: Random, changes: int, second: bool
) -> None:
    """Bytes of messages are changed, and their checksums are right: nothing is raised or warned."""
    records = [bytearray(payload) for payload in payloads[second]]
    for _ in range(changes):
        record = random.choice(records)
        at = random.randrange(len(record) + 1)
        if random.random() < 0.6:
            record[at : at + 1] = bytes([random.randrange(256)])
        elif random.random() < 0.5:
            del record[at:]
        else:
            record[at:at] = random.randbytes(random.randrange(20))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "events.out.tfevents.1")
        path.write_bytes(b"".join(b"".join(frame([bytes(each)])) for each in records))
        written = tbimage.gallery(directory, Path(directory, "page.html"), max_bytes=500_000)
        index = parse(Path(directory, "page.html")).index
    assert written.bytes <= 500_000
    assert len(index["problems"]) == len(written.problems)


def test_logs_may_be_read_before_and_be_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    written = tbimage.gallery(tbimage.read(tmp_path / "empty"), tmp_path / "page.html")
    assert (written.runs, written.shown) == (0, {})
    with pytest.raises(FileNotFoundError):
        tbimage.gallery(tmp_path / "missing", tmp_path / "page.html")
    with pytest.raises(TypeError, match="path must be str or PathLike"):
        tbimage.gallery(3, tmp_path / "page.html")  # type: ignore[arg-type]
