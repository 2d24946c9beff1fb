"""The benchmarks: the report is complete, and it says if pixels differ."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import tbimage

pytest.importorskip("skimage")  # the photographs
pytest.importorskip("matplotlib")  # the plot

from benchmarks import document, report, targets
from benchmarks.__main__ import main
from benchmarks.columns import BATCH, COLUMNS, GRAY_BATCH, PHOTOS
from benchmarks.contestants import CONTESTANTS, OWN, PLAIN, TBIMAGE, installed
from benchmarks.process import usable_cpus
from benchmarks.readback import compare
from benchmarks.results import Results, Task, geometric_mean, percentile
from benchmarks.runner import run
from benchmarks.sections import SECTIONS, section
from benchmarks.sizes import FULL, QUICK, Sizes

#: A dozen processes, on a machine that may be busy with other tests.
pytestmark = pytest.mark.timeout(300)

TINY = Sizes(
    repeats=1,
    fewer={},
    calls=0.01,
    round_secs=0,
    share=True,
    import_pairs=1,
    caller_calls=2,
    memory_photos=2,
    image_counts=(2, 4),
    scalar_counts=(10, 20),
    most_peer_scalars=10,
    marginal_images=100,
    marginal_scalars=2000,
    encoder_rounds=1,
    encoder_most_bytes=13_000,  # the thumbnails
    reading_photos=2,
    reading_scalars=20,
    reading_runs=3,
)
ABOUT = report.About("python -m benchmarks", "a machine", "versions", "0.00", 1.0, True)

#: Rows that this run has no figures for: of peers, and of pictures that are too large for it.
NOT_MEASURED = (
    "photos, end to end, against",
    ": photographs",
    ": noise",
    ": masks, maps and drawings",
)
HAS_ENCODERS = all(importlib.util.find_spec(name) for name in ("cv2", "imagecodecs", "isal"))


def measured_sections() -> list[str]:
    left_out = {"libz"} | ({"encoders"} if not HAS_ENCODERS else set())
    left_out |= {"cores"} if usable_cpus() < 2 else set()
    return [name for name in SECTIONS if name not in left_out]


@pytest.mark.skipif(not installed(TBIMAGE), reason="there is no compiled encoder")
@pytest.mark.slow
def test_a_run_of_everything_gives_a_complete_report() -> None:
    results = run(SECTIONS, [TBIMAGE], TINY)
    assert results.faults == []
    text = report.compose(results, ABOUT, SECTIONS, has_plot=True)
    assert ABOUT.command in text
    assert "All pixels are equal" in text
    assert f"]({report.PLOT})" in text
    for name in measured_sections():
        assert f"#### {report.HEADINGS[name]}\n" in text
        assert TBIMAGE in section(name).report(results)
        for contestant in results.contestants(name):
            for case in results.cases(name):
                for figure in results.figures(name):
                    assert all(map(math.isfinite, results.values(name, contestant, case, figure)))
    rows = targets.report(results).splitlines()[2:]
    assert len(rows) == len(targets.TARGETS) >= 20
    for row in rows:
        check_row(row)


def check_row(row: str) -> None:
    """A figure is judged, or it is one that the tiny run cannot have."""
    figure, _, reached, _, _ = (cell.strip() for cell in row.strip("|").split(" | "))
    encoders = "Pillow" in figure or "the same" in figure or "encoder" in figure
    if figure.endswith(NOT_MEASURED) or figure.startswith(NOT_MEASURED):
        assert reached == "–", row
    elif (HAS_ENCODERS or not encoders) and (usable_cpus() > 1 or "cores" not in figure):
        assert reached[0] in "✓✗", row


@pytest.mark.skipif(not installed(TBIMAGE), reason="there is no compiled encoder")
def test_all_pictures_are_compared_and_the_pure_wheel_has_no_kernel() -> None:
    results = run(["photos"], OWN, TINY)
    pictures_of_two_calls = 2 * (1 + 1 + 1 + 16 + 16)
    assert results.compared == dict.fromkeys(OWN, pictures_of_two_calls)
    photo = [results.median("photos", name, "512×512", "bytes") for name in OWN]
    assert photo[0] != photo[1]


def test_the_command_prints_and_writes_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--quick", "--peers", "--only", "images", "--output", str(tmp_path)]
    assert main(arguments, TINY) == 0
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() in text
    assert "#### More and more images" in text
    assert f"python -m benchmarks {' '.join(arguments)}" in text
    with PIL.Image.open(tmp_path / report.PLOT) as plot:
        assert plot.format == "PNG"
        assert np.unique(np.asarray(plot.convert("RGB")).reshape(-1, 3), axis=0).shape[0] > 3


def test_the_plot_is_small_enough_for_a_page(tmp_path: Path) -> None:
    from benchmarks.plot import draw

    results = Results()
    for number, name in enumerate(CONTESTANTS, start=1):
        for column in PHOTOS:
            results.add("photos", name, column, {"wall": [1e-3 * number]})
        for name_of_section in ("images", "scalars"):
            for count in (100, 1000, 10_000):
                results.add(name_of_section, name, str(count), {"wall": [1e-6 * number * count]})
    assert draw(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size <= 60_000
    assert not draw(Results(), tmp_path / "nothing.png")


# --- would it say so? ---


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


PHOTO, FOUR = noise(1, 24, 40, 3), noise(4, 8, 8, 3)


def log(run_directory: Path, *calls: np.ndarray, wire: str = "image") -> Path:
    with tbimage.SummaryWriter(run_directory, wire=wire) as writer:
        for step, data in enumerate(calls):
            writer.image("photo", data, step)
    return run_directory


def test_gray_pictures_are_compared_too(tmp_path: Path) -> None:
    gray = noise(3, 8, 8, 1)
    assert compare(log(tmp_path / "a", gray), gray) == (3, [])
    assert compare(log(tmp_path / "b", gray ^ 1), gray).equal == 0


@pytest.mark.parametrize("wire", ["image", "tensor"])
def test_equal_pictures_are_counted(tmp_path: Path, wire: str) -> None:
    assert compare(log(tmp_path / "a", *PHOTO, *PHOTO, wire=wire), PHOTO) == (2, [])
    assert compare(log(tmp_path / "b", FOUR, FOUR, wire=wire), FOUR) == (8, [])


def test_a_batch_may_be_the_tiles_of_one_picture(tmp_path: Path) -> None:
    grid = FOUR.reshape(2, 2, 8, 8, 3).swapaxes(1, 2).reshape(16, 16, 3)
    assert compare(log(tmp_path / "a", grid), FOUR) == (4, [])
    assert compare(log(tmp_path / "b", grid[::-1].copy()), FOUR).equal == 0


def test_one_level_of_one_pixel_is_a_fault(tmp_path: Path) -> None:
    other = PHOTO[0].copy()
    other[23, 39, 2] ^= 1
    comparison = compare(log(tmp_path / "run", *PHOTO, other), PHOTO)
    assert comparison == (1, ["picture 2 differs from what was logged"])


def test_a_picture_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    (fault,) = compare(log(tmp_path / "a", FOUR[:3]), FOUR).faults
    assert fault.startswith("3 pictures were read back")
    (fault,) = compare(log(tmp_path / "b"), PHOTO).faults
    assert fault.startswith("0 pictures were read back")


def test_pixels_that_differ_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.columns.COLUMNS", {BATCH: COLUMNS[BATCH]})
    monkeypatch.setattr(
        "benchmarks.sections.photos.tasks",
        lambda *_: [Task("photos", PLAIN, [BATCH], {"calls": 0.01, "round_secs": 0})],
    )
    monkeypatch.setattr("benchmarks.columns.load", lambda *_: ~COLUMNS[BATCH].make())
    assert main(["--peers", "--only", "photos", "--output", str(tmp_path)], TINY) == 1
    assert "Not all went well" in capsys.readouterr().out
    assert "differs from what was logged" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_a_process_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task("photos", PLAIN, ["no such column"], {"calls": 1, "round_secs": 0})
    monkeypatch.setattr("benchmarks.sections.photos.tasks", lambda *_: [task])
    monkeypatch.setattr("benchmarks.columns.COLUMNS", {})
    (fault,) = run(["photos"], [], TINY).faults
    assert fault.startswith(f"photos: {PLAIN}: FileNotFoundError")
    assert "no such column" in fault


# --- the arithmetic ---


def test_a_target_is_judged_by_the_median_on_both_sides() -> None:
    target = next(each for each in targets.TARGETS if each.figure.startswith("import tbimage"))
    position = targets.TARGETS.index(target)
    results = Results()
    results.add("start", TBIMAGE, "start", {"import": [0.010, 0.012, 0.500]})
    results.add("start", PLAIN, "start", {"import": [0.001, 0.016, 0.017]})
    row = targets.report(results).splitlines()[2 + position]
    assert "≤ 15 ms | ✓ 12.0 ms | ≤ 15 ms | ✗ 16.0 ms" in row


def test_ratios_against_a_peer_are_those_of_medians_and_a_geometric_mean() -> None:
    results = Results()
    for column, peer in (("427×640", 20.0), ("512×512", 80.0)):
        results.add("photos", "torch", column, {"wall": [1.0, peer, 1000.0]})
        results.add("photos", TBIMAGE, column, {"wall": [1.0]})
    row = targets.report(results).splitlines()[3]
    assert "against torch | ≥ 100× | ✗ 40.0× (20.0× to 80.0×) | ≥ 25× | – |" in row


def test_statistics() -> None:
    assert geometric_mean([1, 100]) == pytest.approx(10)
    assert percentile(range(1, 101), 50) == 50
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 99) == 7


def test_tasks_survive_the_way_to_their_process() -> None:
    for sizes in (FULL, QUICK):
        for name in SECTIONS:
            for task in section(name).tasks(sizes, list(CONTESTANTS)):
                assert task.section == name
                sent = json.loads(json.dumps(dataclasses.asdict(task)))
                assert dataclasses.asdict(Task(**sent)) == sent


def test_a_full_run_has_every_contestant_in_turn_for_each_column() -> None:
    tasks = list(section("photos").tasks(FULL, list(CONTESTANTS)))
    with_images = [name for name in CONTESTANTS if CONTESTANTS[name].images]
    assert [task.contestant for task in tasks] == with_images * 4 + list(OWN)
    assert [task.cases for task in tasks[:: len(with_images)]] == [
        ["427×640"],
        ["512×512"],
        ["1280×1920"],
        [BATCH],
        [GRAY_BATCH],
    ]


# --- the page ---


def test_each_command_writes_its_part_and_leaves_the_other(tmp_path: Path) -> None:
    page = tmp_path / "new" / document.NAME
    document.write_part(page.parent, "benchmarks.load", "## A service\n\n| a |\n")
    document.write_part(page.parent, "benchmarks", "## Encoders\n")
    assert page.read_text(encoding="utf-8").index("Encoders") < page.read_text().index("A service")
    document.write_part(page.parent, "benchmarks", "## Newer")
    text = page.read_text(encoding="utf-8")
    assert "Encoders" not in text
    assert text.count("## A service\n\n| a |\n") == text.count("## Newer\n\n") == 1
    assert text.startswith("# ")
    document.write_part(page.parent, "benchmarks", "## Newer")
    assert page.read_text(encoding="utf-8") == text
