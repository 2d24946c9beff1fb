"""The compiled encoder: exact pixels, the same bytes everywhere, no harm where it is missing."""

from __future__ import annotations

import ctypes
import io
import itertools
import logging
import os
import platform
import shutil
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import tbimage
from tbimage.pixels.png import kernel, libraries
from tbimage.pixels.png.encoder import encode, encode_all
from tbimage.pixels.png.libraries import encoder_name
from tbimage.pixels.png.rows import Pixels, Rows
from tests.pixels.images import MEMORIES
from tests.pixels.libraries import library
from tests.pixels.plain_png import decode
from tests.readers import read_accumulator

SOURCE = Path(kernel.__file__).with_name("kernel.c")
DRIVER = Path(__file__).with_name("kernel_driver.c")
NO_ROOM, BAD_JOB = -1, -2

needs_kernel = pytest.mark.skipif(
    libraries.kernel() is None, reason="there is no compiled encoder: pip install -e ."
)


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    """Pictures of both depths and 1 to 4 channels, of noise, of repetition and of both."""
    dtype = np.dtype(draw(st.sampled_from(["uint8", "uint16"])))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 60)), draw(st.integers(1, 4)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = draw(st.sampled_from([1, 2, 5, 40, 2 ** (8 * dtype.itemsize) - 1]))
    picture = generator.integers(0, most, shape, dtype, endpoint=True)
    tile = draw(st.integers(1, 20))
    if draw(st.booleans()):
        picture = np.tile(picture[:, :tile], (1, 60, 1))[:, : shape[1]]
    if draw(st.booleans()):
        picture = np.tile(picture[:tile], (40, 1, 1))[: shape[0]]
    if draw(st.booleans()):
        picture[: shape[0] // 2] = picture[0, 0]
    return MEMORIES[draw(st.sampled_from(sorted(MEMORIES)))](picture)


def unpacked(picture: Pixels, data: bytes) -> Pixels:
    """Give the pixels of a raw deflate stream, by the decoder of the tests."""
    head = struct.pack(
        ">IIBBBBB",
        picture.shape[1],
        picture.shape[0],
        8 * picture.itemsize,
        {1: 0, 2: 4, 3: 2, 4: 6}[picture.shape[2]],
        0,
        0,
        0,
    )
    adler = zlib.adler32(zlib.decompress(data, wbits=-15))
    chunks = [(b"IHDR", head), (b"IDAT", b"\x78\x01" + data + struct.pack(">I", adler))]
    file = b"\x89PNG\r\n\x1a\n"
    for name, content in [*chunks, (b"IEND", b"")]:
        crc = zlib.crc32(name + content)
        file += struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)
    return decode(file).stored


# --- exact pixels ---------------------------------------------------------------------------------


@needs_kernel
@given(picture=pictures(), crc=st.integers(0, 2**32 - 1))
def test_pixels_come_back(picture: Pixels, crc: int) -> None:
    stream = kernel.encode_rows(Rows(picture), 0, len(picture), crc)
    assert np.array_equal(unpacked(picture, bytes(stream.data)), picture)
    assert stream.crc == zlib.crc32(stream.data, crc)
    assert stream.adler == zlib.adler32(zlib.decompress(stream.data, wbits=-15))


@needs_kernel
@given(picture=pictures(), cuts=st.sets(st.integers(1, 39), max_size=3))
def test_strips_follow_each_other(picture: Pixels, cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(picture)), len(picture)]
    rows = Rows(picture)
    streams = [kernel.encode_rows(rows, *edge, 0) for edge in itertools.pairwise(edges)]
    data = b"".join(stream.data for stream in streams)
    assert np.array_equal(unpacked(picture, data), picture)


@needs_kernel
@given(picture=pictures())
def test_every_instruction_set_makes_the_same_bytes(picture: Pixels) -> None:
    rows = Rows(picture)
    fast, baseline = (
        kernel.encode_rows(rows, 0, len(picture), 7, baseline=only) for only in (False, True)
    )
    assert fast == baseline


@needs_kernel
@given(several=st.lists(pictures(), min_size=1, max_size=20), crc=st.integers(0, 2**32 - 1))
def test_pictures_of_one_call_are_those_of_single_calls(several: list[Pixels], crc: int) -> None:
    alone = [kernel.encode_rows(Rows(picture), 0, len(picture), crc) for picture in several]
    assert kernel.encode_pictures([Rows(picture) for picture in several], crc) == alone


def textures() -> dict[str, Pixels]:
    """Pictures of more than one chunk and more than one block, for each way through the kernel."""
    generator = np.random.default_rng(5)
    y, x = np.mgrid[:300, :400]
    smooth = np.stack([100 + 60 * np.sin(x / 31), 90 + 50 * np.cos(y / 23), x / 3], axis=-1)
    return {
        "noise": generator.integers(0, 256, (300, 400, 3), np.uint8),
        "photograph": (smooth + generator.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8),
        "nothing": np.zeros((700, 900, 4), np.uint8),
        "labels": generator.integers(0, 256, (60, 3), np.uint8)[(x // 37 * 5 + y // 53) % 60],
        "few colours": generator.integers(0, 256, (9, 3), np.uint8)[
            generator.integers(0, 9, (300, 400))
        ],
        "flat, then noise": np.concatenate(
            [
                np.full((300, 400, 3), 9, np.uint8),
                generator.integers(0, 256, (90, 400, 3), np.uint8),
            ]
        ),
        "runs in noise": np.where(
            (x % 97 < 40)[..., None],
            np.uint8(0),
            generator.integers(0, 256, (300, 400, 1), np.uint8),
        ),
        "wide": generator.integers(0, 3, (3, 90_000, 2), np.uint8),
        "16 bits": (generator.normal(0, 90, (200, 300, 3)).cumsum(axis=1) % 65536).astype("u2"),
    }


@needs_kernel
@pytest.mark.parametrize("name", textures())
def test_opencv_and_pillow_decode(name: str) -> None:
    cv2 = pytest.importorskip("cv2")
    picture = textures()[name]
    with library("kernel"):
        file = b"".join(encode(picture).pieces)
    channels = picture.shape[2]
    if channels != 2:
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        decoded = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded.reshape(*picture.shape[:2], -1)[:, :, order], picture)
    if picture.itemsize == 1:
        with Image.open(io.BytesIO(file)) as image:
            assert np.array_equal(np.asarray(image).reshape(picture.shape), picture)
    rows = Rows(picture)
    assert kernel.encode_rows(rows, 0, rows.height, 0) == kernel.encode_rows(
        rows, 0, rows.height, 0, baseline=True
    )


@needs_kernel
def test_repetition_is_found() -> None:
    generator = np.random.default_rng(0)
    row = generator.integers(0, 256, (1, 3000, 1), np.uint8)
    flat = generator.integers(0, 256, (12, 12, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    for picture, most in [
        (np.zeros((1000, 1000, 3), np.uint8), 4000),
        (row.repeat(500, axis=0), 12_000),
        (np.tile(flat, (4, 4, 1)), 5500),
    ]:
        assert len(kernel.encode_rows(Rows(picture), 0, len(picture), 0).data) < most


# --- memory ---------------------------------------------------------------------------------------


def job(pixels: Pixels, output: Any, room: int, **changes: Any) -> kernel.Job:
    fields = {
        "rows": pixels.ctypes.data,
        "row_stride": pixels.strides[0],
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "step": 1,
        "first": 1,
        "last": 1,
        "out": output.ctypes.data,
        "capacity": room,
        "scratch": SCRATCH.ctypes.data,
    }
    return kernel.Job(**(fields | changes))


def encoded(made: kernel.Job) -> int:
    loaded = libraries.kernel()
    assert loaded is not None
    return loaded.encode(ctypes.byref(made), 1)


def ticks_during(action: Callable[[], object]) -> int:
    """Count what another thread, which computes in Python, does meanwhile."""
    ticks, ended = [0], threading.Event()

    def compute() -> None:
        while not ended.is_set():
            ticks[0] += 1

    thread = threading.Thread(target=compute)
    interval = sys.getswitchinterval()
    try:
        sys.setswitchinterval(0.2)
        thread.start()
        before = ticks[0]
        action()
        return ticks[0] - before
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        thread.join()


@needs_kernel
@pytest.mark.parametrize("count", [1, 4])
def test_a_small_picture_does_not_wait_for_a_thread_that_computes(count: int) -> None:
    """If it let the GIL go, it would wait for 5 ms, but it takes only 20 µs."""
    small = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    assert any(ticks_during(lambda: encode_all([*small])) == 0 for _ in range(10))


@needs_kernel
def test_the_process_may_end_while_a_thread_encodes() -> None:
    """CPython clears what is local to a thread while the kernel still uses its memory."""
    script = """
import threading, time
import numpy as np
from tbimage.pixels.png.encoder import encode

picture = np.random.default_rng(0).integers(0, 8, (170, 170, 3), np.uint8).repeat(3, 0).repeat(3, 1)
def encode_for_ever():
    while True:
        encode(picture)
threading.Thread(target=encode_for_ever, daemon=True).start()
time.sleep(0.3)
"""
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", script], check=False, timeout=200)
        assert done.returncode == 0


@needs_kernel
@pytest.mark.parametrize("shape", [(16, 64, 64, 3), (1, 600, 600, 3)])
def test_other_threads_run_during_a_long_call(shape: tuple[int, ...]) -> None:
    several = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert any(ticks_during(lambda: encode_all([*several])) > 0 for _ in range(100))


SCRATCH = np.zeros(libraries.load().scratch_bytes if libraries.kernel() else 0, np.uint8)


@needs_kernel
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 200)),
    capacity=st.integers(0, 500),
    values=st.sampled_from([2, 256]),
    last=st.booleans(),
)
def test_too_little_room_is_an_error(
    shape: tuple[int, int], capacity: int, values: int, last: bool
) -> None:
    pixels = np.random.default_rng(0).integers(0, values, shape).astype(np.uint8)
    out = np.full(5000, 0xA5, np.uint8)
    enough = job(pixels, out, 4000, last=last)
    assert encoded(enough) == 0
    out[:] = 0xA5
    tight = job(pixels, out, capacity, last=last)
    status = encoded(tight)
    assert (out[capacity:] == 0xA5).all()
    assert status in (0, NO_ROOM)
    assert status == 0 or capacity < enough.size + 64
    assert status != 0 or tight.size == enough.size <= capacity


@needs_kernel
@pytest.mark.parametrize(
    "changes",
    [
        {"rows": None},
        {"out": None},
        {"scratch": None},
        {"step": 0},
        {"step": 9},
        {"step": 3},
        {"height": 0},
        {"width": 0},
        {"width": -1},
        {"height": 2**40, "width": 2**39},
        {"capacity": -1},
    ],
)
def test_wrong_jobs_are_refused(changes: dict[str, Any]) -> None:
    pixels, out = np.zeros((5, 10), np.uint8), np.zeros(3000, np.uint8)
    assert encoded(job(pixels, out, 3000, **changes)) == BAD_JOB


@needs_kernel
def test_a_job_that_fails_is_the_last_one() -> None:
    loaded = libraries.kernel()
    assert loaded is not None
    pixels, out = np.zeros((5, 10), np.uint8), np.zeros(3000, np.uint8)
    jobs = (kernel.Job * 3)(*(job(pixels, out, room) for room in (3000, 1, 3000)))
    for encode_jobs in (loaded.encode, loaded.encode_with_gil):
        assert encode_jobs(jobs, 3) == NO_ROOM
        assert [each.size > 0 for each in jobs] == [True, False, False]
        assert encode_jobs(jobs, 1) == encode_jobs(jobs, 0) == 0


@needs_kernel
@given(
    pixels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=90)),
    step=st.integers(1, 8),
)
def test_nothing_behind_the_rows_changes_the_bytes(pixels: Any, step: int) -> None:
    width = pixels.shape[1] // step * step
    if width == 0:
        return
    files = []
    for rest in (0, 255):
        memory = np.full((pixels.shape[0] + 2, pixels.shape[1] + 64), rest, np.uint8)
        memory[1:-1, 32:-32] = pixels
        out = np.full(20_000, rest, np.uint8)
        made = job(memory[1:-1, 32:-32], out, 20_000, width=width, step=step)
        assert encoded(made) == 0
        files.append(out[: made.size].tobytes())
    assert files[0] == files[1]


# --- refused --------------------------------------------------------------------------------------


@pytest.fixture
def compiler() -> str:
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return name
    pytest.skip("there is no C compiler")


def build(compiler: str, source: str, directory: Path) -> Path:
    """Compile a library, and name it as hatch_build.py does."""
    (directory / "source.c").write_text(source)
    made = directory / "made.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", made, directory / "source.c"], check=True, timeout=200
    )
    return made.rename(directory / f"kernel-{zlib.crc32(made.read_bytes()):08x}.so")


STUB = """
long long tbimage_kernel_start(void) { return VERSION; }
long long tbimage_kernel_scratch_bytes(void) { return 1; }
long long tbimage_kernel_encode(void *job, long long count) { return job != 0; }
"""


def test_a_library_of_another_version_is_refused(tmp_path: Path, compiler: str) -> None:
    other = STUB.replace("VERSION", str(libraries.ABI + 1))
    build(compiler, other, tmp_path)
    with pytest.raises(
        OSError, match=f"of version {libraries.ABI + 1}, and {libraries.ABI} is needed"
    ):
        libraries.load(str(tmp_path))


def test_a_library_of_this_version_is_not(tmp_path: Path, compiler: str) -> None:
    build(compiler, STUB.replace("VERSION", str(libraries.ABI)), tmp_path)
    assert libraries.load(str(tmp_path)).scratch_bytes == 1


def test_a_library_without_the_functions_is_refused(tmp_path: Path, compiler: str) -> None:
    build(compiler, "int nothing;", tmp_path)
    with pytest.raises(OSError, match=r"is no compiled encoder.*tbimage_kernel_start"):
        libraries.load(str(tmp_path))


@pytest.mark.parametrize("damage", ["cut off", "one bit", "empty"])
def test_a_damaged_library_is_not_given_to_the_system(
    tmp_path: Path, compiler: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = build(compiler, STUB.replace("VERSION", str(libraries.ABI)), tmp_path)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {"cut off": content[:4096], "one bit": content, "empty": bytearray()}[damage]
    file.write_bytes(changed)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("it was loaded"))
    with pytest.raises(OSError, match="is damaged"):
        libraries.load(str(tmp_path))


def test_files_that_are_no_library_are_refused(tmp_path: Path) -> None:
    (tmp_path / f"kernel-{zlib.crc32(b'no library'):08x}.so").write_bytes(b"no library")
    with pytest.raises(OSError, match=r"kernel-.*\.so"):
        libraries.load(str(tmp_path))


def test_two_libraries_are_refused(tmp_path: Path) -> None:
    for name in ("kernel-1.so", "kernel-2.so"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(OSError, match=r"several .*kernel-1\.so, kernel-2\.so"):
        libraries.load(str(tmp_path))


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no program unshare")
def test_a_file_system_without_execution_is_refused(tmp_path: Path, compiler: str) -> None:
    file = build(compiler, STUB.replace("VERSION", str(libraries.ABI)), tmp_path)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    script = f"""
mount -t tmpfs -o noexec none {mounted} || exit 77
cp {file} {mounted}
{sys.executable} -c '
from tbimage.pixels.png import libraries
try:
    libraries.load("{mounted}")
except OSError as error:
    print("refused:", error)
'"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and "refused" not in done.stdout:
        pytest.skip(f"mounting is not allowed here: {done.stderr}")
    assert done.stdout.startswith("refused: ")


# --- without it -----------------------------------------------------------------------------------


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("TBIMAGE_PURE", raising=False)
    libraries._load_once.cache_clear()
    yield
    libraries._load_once.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_refused_library_is_logged_once_and_pictures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> libraries.Kernel:
        raise OSError("failed to map segment from shared object")

    monkeypatch.setattr(libraries, "load", refuse)
    with (
        caplog.at_level(logging.INFO, logger="tbimage"),
        tbimage.SummaryWriter(tmp_path) as writer,
    ):
        for step in range(3):
            writer.image("a", np.full((9, 9), step, np.uint8), step)
    lines = [record.getMessage() for record in caplog.records if "encoder" in record.getMessage()]
    assert lines == [
        "PNG files are encoded without the compiled encoder: failed to map segment from shared "
        "object"
    ]
    assert encoder_name() in ("igzip", "zlib")
    assert [image.step for image in read_accumulator(tmp_path)["a"]] == [0, 1, 2]


@pytest.mark.usefixtures("fresh")
def test_nothing_is_said_where_it_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> libraries.Kernel:
        raise FileNotFoundError

    monkeypatch.setattr(libraries, "load", missing)
    assert libraries.kernel() is None
    assert libraries.refusal() is None
    with pytest.raises(RuntimeError, match="there is no compiled encoder"):
        kernel.encode_rows(Rows(np.zeros((2, 2, 1), np.uint8)), 0, 2, 0)


@needs_kernel
@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("value", "pure"), [("1", True), ("0", False), ("", False)])
def test_the_environment_switches_it_off(
    value: str, pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TBIMAGE_PURE", value)
    assert (libraries.kernel() is None) is pure
    assert (encoder_name() == "kernel") is not pure
    assert libraries.refusal() is None


def test_it_is_not_loaded_before_the_first_picture() -> None:
    script = "import tbimage, sys; tbimage.SummaryWriter; print('ctypes' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "False\n"


# --- other processors, and bad input --------------------------------------------------------------


def test_one_file_of_at_most_600_lines() -> None:
    assert len(SOURCE.read_text(encoding="utf-8").splitlines()) <= 600


@needs_kernel
@pytest.mark.slow
@pytest.mark.timeout(900)  # Zig compiles a C library first
def test_the_same_bytes_on_aarch64(tmp_path: Path) -> None:
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if emulator is None or platform.machine() == "aarch64":
        pytest.skip("qemu-user for aarch64 is not installed, or not needed")
    pytest.importorskip("ziglang")
    program = tmp_path / "driver"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-O2"]
    subprocess.run([*command, "-o", program, DRIVER], check=True)
    for name, picture in textures().items():
        pixels = picture if picture.itemsize == 1 else picture.astype(">u2")
        rows = Rows(pixels)
        head = np.array([rows.height, rows.width, rows.step, 0], np.int64).tobytes()
        done = subprocess.run(
            [emulator, program], input=head + pixels.tobytes(), capture_output=True, check=True
        )
        crc, adler = struct.unpack("<2q", done.stdout[:16])
        expected = kernel.encode_rows(rows, 0, rows.height, 0)
        assert (done.stdout[16:], crc, adler) == expected, name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_libfuzzer_finds_nothing(tmp_path: Path) -> None:
    clang = shutil.which("clang")
    if clang is None:
        pytest.skip("clang is not installed")
    program = tmp_path / "fuzz"
    sanitizers = "-fsanitize=fuzzer,address,undefined"
    built = subprocess.run(
        [
            clang,
            "-g",
            "-O1",
            "-DFUZZ",
            sanitizers,
            "-fno-sanitize-recover=all",
            DRIVER,
            "-o",
            program,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        pytest.skip(f"this clang has no libFuzzer: {built.stderr[-300:]}")
    seconds = os.environ.get("TBIMAGE_FUZZ_SECONDS", "600")
    (tmp_path / "corpus").mkdir()
    for name, picture in textures().items():
        seed = bytes([2, 100, 0, 0, 60, 0, 3, 3, 0, 0]) + picture.tobytes()[:4000]
        (tmp_path / "corpus" / name.replace(" ", "_")).write_bytes(seed)
    options = ["-max_len=8192", f"-max_total_time={seconds}", "-seed=1"]
    done = subprocess.run(  # a child of the tests' process would begin with its peak of memory
        ["sh", "-c", '"$@"; exit "$?"', "sh", program, tmp_path / "corpus", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
