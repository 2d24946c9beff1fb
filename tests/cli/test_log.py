"""``tbimage log``: the stored images, their tags and steps, and the output."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tbimage.cli.files import find
from tests.cli.command import call, images_in, steps_in

Capture = pytest.CaptureFixture[str]

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def save(*paths: Path, **options: Any) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(NOISE).save(path, **options)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- stored images ----


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.JPEG", "photo.gif", "photo.bmp"])
def test_what_tensorboard_shows_is_stored_bit_for_bit(
    work: Path, capsys: Capture, name: str
) -> None:
    save(work / name)
    assert call(capsys, "log", name, "--logdir", "run").code == 0
    [image] = images_in(work / "run")["photo"]
    assert image.encoded == (work / name).read_bytes()


def test_the_name_does_not_tell_the_format(work: Path, capsys: Capture) -> None:
    save(work / "photo.dat", format="PNG")
    save(work / "photos" / "noise", format="JPEG")
    assert call(capsys, "log", "photo.dat", "photos", "--logdir", "run").code == 0
    logged = images_in(work / "run")
    assert logged["photo"][0].encoded == (work / "photo.dat").read_bytes()
    assert logged["photos/noise"][0].encoded == (work / "photos/noise").read_bytes()


@pytest.mark.parametrize(
    ("name", "options"),
    [("photo.webp", {"lossless": True}), ("photo.tif", {}), ("photo.ppm", {}), ("photo.tga", {})],
)
def test_other_formats_are_decoded(
    work: Path, capsys: Capture, name: str, options: dict[str, object]
) -> None:
    save(work / name, **options)
    assert call(capsys, "log", name, "--logdir", "run").code == 0
    [image] = images_in(work / "run")["photo"]
    assert image.encoded.startswith(b"\x89PNG")
    assert np.array_equal(image.pixels, NOISE)


def test_a_jpeg_of_several_pictures_is_decoded(work: Path, capsys: Capture) -> None:
    picture = Image.fromarray(NOISE)
    picture.save("photo.jpg", "MPO", save_all=True, append_images=[picture])
    assert call(capsys, "log", "photo.jpg", "--logdir", "run").code == 0
    [image] = images_in(work / "run")["photo"]
    assert image.encoded.startswith(b"\x89PNG")  # the JPEG would come as application/octet-stream
    with Image.open("photo.jpg") as first:
        assert np.array_equal(image.pixels, np.asarray(first))


def test_decoded_pictures_stand_upright(work: Path, capsys: Capture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown upright by turning it clockwise
    save(work / "photo.webp", lossless=True, exif=exif)
    assert call(capsys, "log", "photo.webp", "--logdir", "run").code == 0
    [image] = images_in(work / "run")["photo"]
    assert np.array_equal(image.pixels, np.rot90(NOISE, -1))


def test_16_bits_are_kept(work: Path, capsys: Capture) -> None:
    depth = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 27
    Image.fromarray(depth).save("depth.tif")
    assert call(capsys, "log", "depth.tif", "--logdir", "run").code == 0
    [image] = images_in(work / "run")["depth"]
    assert np.array_equal(image.pixels, depth)


def test_images_of_32_bit_numbers_are_stretched(work: Path, capsys: Capture) -> None:
    numbers = np.linspace(-3, 5, 40 * 60, dtype=np.float32).reshape(40, 60)
    Image.fromarray(numbers).save("numbers.tif")
    outcome = call(capsys, "log", "numbers.tif", "--logdir", "run")
    assert (outcome.code, outcome.err) == (0, "")
    [image] = images_in(work / "run")["numbers"]
    expected = ((numbers + 3) / 8 * np.float32(255.5)).clip(0, 255).astype(np.uint8)
    assert np.array_equal(image.pixels, expected)


# ---- names ----


def test_a_file_is_logged_under_its_stem_and_a_directory_makes_a_group(
    work: Path, capsys: Capture
) -> None:
    save(work / "deep/cat.v2.png", work / "photos/dog.png", work / "photos/farm/cow.png")
    assert call(capsys, "log", "deep/cat.v2.png", "photos/", "--logdir", "run").code == 0
    assert set(images_in(work / "run")) == {"cat.v2", "photos/dog", "photos/farm/cow"}


@pytest.mark.parametrize(
    ("path", "tag"), [(".", "cat"), ("../photos", "photos/cat"), ("..", "photos/cat")]
)
def test_a_directory_without_a_name_makes_no_group(
    work: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, path: str, tag: str
) -> None:
    save(work / "photos" / "cat.png")
    monkeypatch.chdir("photos")
    assert call(capsys, "log", path, "--logdir", work / "run").code == 0
    assert set(images_in(work / "run")) == {tag}


def test_names_that_would_be_equal_keep_their_suffixes(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png", work / "photos/cat.jpg", work / "photos/dog.png")
    (work / "photos/dog.txt").write_text("what the dog is called")
    assert call(capsys, "log", "photos", "--logdir", "run").code == 0
    assert set(images_in(work / "run")) == {"photos/cat.png", "photos/cat.jpg", "photos/dog"}


def test_names_that_stay_equal_are_an_error_and_nothing_is_written(
    work: Path, capsys: Capture
) -> None:
    save(work / "a/cat.png", work / "b/cat.png")
    outcome = call(capsys, "log", "a/cat.png", "b/cat.png", "--logdir", "run")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    for word in ("a/cat.png", "b/cat.png", "--name"):
        assert word in outcome.err
    assert not (work / "run").exists()
    assert call(capsys, "log", "a", "b", "--logdir", "run").code == 0  # what the error proposes
    assert set(images_in(work / "run")) == {"a/cat", "b/cat"}


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are Unicode")
def test_a_name_that_is_not_unicode_is_made_so(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png")
    os.rename(b"photos/cat.png", b"photos/caf\xe9.png")
    assert call(capsys, "log", "photos", "--logdir", "run").code == 0
    assert set(images_in(work / "run")) == {"photos/caf\N{REPLACEMENT CHARACTER}"}


@given(numbers=st.sets(st.integers(0, 10**6), min_size=1, max_size=20))
def test_numbers_are_sorted_by_their_value(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int]
) -> None:
    directory = tmp_path_factory.mktemp("frames")
    for number in numbers:
        (directory / f"frame{number}.png").touch()
    found = [file.path.name for file in find([directory], print)]
    assert found == [f"frame{number}.png" for number in sorted(numbers)]


# ---- steps ----


def test_steps_begin_with_0_and_go_on_with_the_next_call(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png", work / "photos/dog.png")
    call(capsys, "log", "photos", "--logdir", "run")
    call(capsys, "log", "photos/cat.png", "--logdir", "run")
    call(capsys, "log", "photos", "--logdir", "run")
    assert steps_in(work / "run") == {"photos/cat": [0, 1], "photos/dog": [0, 1], "cat": [0]}


def test_a_step_holds_for_all_images(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png", work / "photos/dog.png")
    call(capsys, "log", "photos", "--logdir", "run", "--step", "-7")
    assert steps_in(work / "run") == {"photos/cat": [-7], "photos/dog": [-7]}


@pytest.mark.parametrize(("step", "steps"), [(None, [0, 1, 2]), ("5", [5, 6, 7])])
def test_with_a_name_the_images_are_its_successive_steps(
    work: Path, capsys: Capture, step: str | None, steps: list[int]
) -> None:
    for index, name in enumerate(["frame9.png", "frame10.png", "more/frame1.png"]):
        (work / "film" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(NOISE[index:]).save(work / "film" / name)
    arguments = ["--step", step] if step else []
    outcome = call(capsys, "log", "film", "--logdir", "run", "--name", "film/take 1", *arguments)
    assert outcome.code == 0
    logged = images_in(work / "run")["film/take 1"]
    assert [image.step for image in logged] == steps
    assert [image.pixels.shape[0] for image in logged] == [40, 39, 38]


def test_a_name_goes_on_with_the_next_call(work: Path, capsys: Capture) -> None:
    save(work / "cat.png", work / "dog.png")
    call(capsys, "log", "cat.png", "dog.png", "--logdir", "run", "--name", "pet")
    call(capsys, "log", "cat.png", "--logdir", "run", "--name", "pet")
    assert steps_in(work / "run") == {"pet": [0, 1, 2]}


# ---- files that are not images ----


def test_what_is_no_image_in_a_directory_is_skipped_and_counted(
    work: Path, capsys: Capture
) -> None:
    save(work / "photos/cat.png", work / "photos/.hidden.png", work / "photos/.cache/dog.png")
    (work / "photos/notes.txt").write_text("two pets")
    (work / "photos/empty").touch()
    np.save(work / "photos/array.npy", NOISE)
    outcome = call(capsys, "log", "photos", "--logdir", "photos")
    assert (outcome.code, outcome.err) == (0, "")
    assert "3 files skipped: not an image\n" in outcome.out
    assert set(images_in(work / "photos")) == {"photos/cat"}
    again = call(capsys, "log", "photos", "--logdir", "photos")
    assert "4 files skipped" in again.out  # the event file


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + chunk + data


def test_damaged_images_are_named_and_the_others_logged(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png", work / "photos/whole.tif")
    whole = (work / "photos/whole.tif").read_bytes()
    (work / "photos/cut.tif").write_bytes(whole[: len(whole) // 2])
    (work / "photos/text.png").write_text("no image")
    (work / "photos/huge.png").write_bytes(png_header(20_000, 20_000))
    outcome = call(capsys, "log", "photos", "--logdir", "run")
    assert outcome.code == 2
    named = {line.split(": ")[1] for line in outcome.err.splitlines()}
    assert named == {"photos/cut.tif", "photos/text.png", "photos/huge.png"}
    assert set(images_in(work / "run")) == {"photos/cat", "photos/whole"}
    assert outcome.out.startswith("2 images, 2 tags, ")
    assert "skipped" not in outcome.out


def test_a_file_that_was_asked_for_and_is_no_image_is_an_error(work: Path, capsys: Capture) -> None:
    save(work / "cat.png")
    (work / "notes.txt").write_text("one pet")
    outcome = call(capsys, "log", "notes.txt", "cat.png", "--logdir", "run")
    assert outcome.code == 2
    assert outcome.err == "tbimage: notes.txt: not an image, or a damaged one\n"
    assert set(images_in(work / "run")) == {"cat"}


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_a_pipe_is_named_and_not_waited_for(work: Path, capsys: Capture) -> None:
    save(work / "cat.png")
    os.mkfifo("pipe.png")
    outcome = call(capsys, "log", "pipe.png", "cat.png", "--logdir", "run")
    assert outcome.code == 2
    assert outcome.err == "tbimage: pipe.png: not a regular file: save it as a file first\n"
    assert set(images_in(work / "run")) == {"cat"}


@pytest.mark.parametrize("paths", [["notes.txt"], ["empty"], ["files"]])
def test_without_any_image_no_run_is_made(work: Path, capsys: Capture, paths: list[str]) -> None:
    (work / "empty").mkdir()
    (work / "files").mkdir()
    for path in ("notes.txt", "files/notes.txt"):
        (work / path).write_text("no pets")
    outcome = call(capsys, "log", *paths, "--logdir", "run")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert paths[0] in outcome.err
    assert not (work / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no directory descriptors")
def test_a_directory_that_cannot_be_read_is_named(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png")
    descriptor = os.open("photos", os.O_RDONLY)
    for _ in range(20):  # deeper than any path may be long
        os.mkdir("d" * 250, dir_fd=descriptor)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    outcome = call(capsys, "log", "photos", "--logdir", "run")
    assert outcome.code == 2
    assert outcome.err.startswith("tbimage: photos/ddd")
    assert outcome.err.endswith(": File name too long\n")
    assert set(images_in(work / "run")) == {"photos/cat"}


def test_links_to_directories_are_not_followed(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png")
    os.symlink("cat.png", "photos/link.png")
    os.symlink(".", "photos/loop")
    assert call(capsys, "log", "photos", "--logdir", "run").code == 0
    assert set(images_in(work / "run")) == {"photos/cat", "photos/link"}


# ---- output ----


def test_it_says_what_was_written_and_how_to_see_it(work: Path, capsys: Capture) -> None:
    save(work / "photos/cat.png", work / "photos/dog.png")
    outcome = call(capsys, "log", "photos", "--logdir", "my run")
    assert (outcome.code, outcome.err) == (0, "")
    [file] = (work / "my run").iterdir()
    assert outcome.out.startswith(
        f"2 images, 2 tags, {file.stat().st_size / 1e3:.0f} kB written to my run\n"
        "To see them: tensorboard --logdir 'my run'\n"
    )


def test_it_tells_how_to_see_more_images_of_a_tag_than_tensorboard_shows(
    work: Path, capsys: Capture
) -> None:
    save(*(work / f"film/{index}.png" for index in range(11)))
    assert "samples_per_plugin" not in call(capsys, "log", "film", "--logdir", "a").out
    film = call(capsys, "log", "film", "--logdir", "b", "--name", "film").out
    assert "--logdir b --samples_per_plugin images=11\n" in film
