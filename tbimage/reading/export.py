"""Write the values of logs to files that other programs read.

An attacker may have chosen the names of runs and tags. But no file is written outside the
directory. Each part of a name becomes the name of one file or directory, with only harmless
characters. The directory is new or empty, so it has no symbolic links.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tbimage.reading.json_lines import to_json
from tbimage.reading.logs import Logs, package
from tbimage.reading.runs import Run
from tbimage.reading.series import Scalars, Series

__all__ = ["FORMATS", "Export", "export", "safe_name", "suffix_of"]

#: The file formats of tables.
FORMATS = ("csv", "jsonl", "parquet")

#: A function that takes an item and returns the bytes of its file, and the suffix of the file name.
_Content = Callable[[Any], tuple[bytes, str]]

# The largest size of the file of a tensor that needs much less memory than its file.
_MOST_BYTES = 1 << 30
_LONGEST_NAME = 80
_LONGEST_PATH = 800
_SUFFIXES = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"OggS", ".ogg"),
    (b"fLaC", ".flac"),
    (b"ID3", ".mp3"),
)
# Windows reserves these names for devices, even if a name has a suffix.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass
class Export:
    """The results of ``export``.

    Attributes:
        files: How many files were written.
        rows: How many rows of tables were written.
        problems: A message for each value that could not be written.
    """

    files: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)


def export(
    logs: Logs,
    directory: str | os.PathLike[str],
    *,
    format: str = "csv",
    choose: Callable[[str, str], bool] = lambda run, tag: True,
    raw: bool = False,
    step: int | None = None,
    progress: Callable[[Sequence[Run]], Iterable[Run]] = iter,
) -> Export:
    """Write scalars to a table, and all other values to files in the same directory.

    ``scalars.csv`` (or ``.jsonl``, ``.parquet``) has the columns run, tag, step, wall_time and
    value. ``texts.jsonl``, ``histograms.jsonl`` and ``hparams.jsonl`` have one JSON object in each
    line. Pictures, sounds and tensors become ``images/RUN/TAG/STEP.png``, ``audio/…`` and
    ``tensors/….npy``. If these files are sorted by name, they are in the order of their steps.

    Args:
        logs: The logs that ``tbimage.read`` returned.
        directory: The new directory. It must be missing or empty.
        format: ``"csv"``, ``"jsonl"``, or ``"parquet"``, which needs pyarrow.
        choose: A function that takes the names of a run and of a tag, and tells whether the tag is
            written.
        raw: Whether values that a restart replaced are written, too.
        step: The only step to write. None: all steps are written.
        progress: A function that takes the runs and yields them. It may show the progress.

    Raises:
        ValueError: The directory is not empty, or the format is unknown.
        ImportError: The format is ``"parquet"``, and pyarrow is not installed.
        OSError: A file cannot be written.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     _ = writer.scalar("loss", 0.5, step=1)
        ...     _ = writer.image("noise", np.zeros((4, 6), np.uint8), step=1)
        >>> done = export(tbimage.read("runs"), "out")
        >>> sorted(os.listdir("out")), os.listdir("out/images/root/noise")
        (['images', 'scalars.csv'], ['000000001.png'])
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    target = os.fspath(directory)
    os.makedirs(target, exist_ok=True)
    if os.listdir(target):
        raise ValueError(f"directory must be missing or empty, got {target!r}")
    done = Export()
    wanted = _Wanted(choose, raw, step)
    rows = [
        (run.name, tag, wanted.numbers(run.scalars(tag, raw=raw)))
        for run in logs.values()
        for tag, about in run.tags.items()
        if about.kind == "scalar" and choose(run.name, tag)
    ]
    if rows:
        path = os.path.join(target, f"scalars.{format}")
        {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}[format](path, rows)
        done.rows = sum(len(scalars) for _, _, scalars in rows)
        done.files += 1
    for run in progress(list(logs.values())):
        _export_run(run, target, wanted, done)
    return done


@dataclass(frozen=True)
class _Wanted:
    """The choice of the values to write."""

    choose: Callable[[str, str], bool]
    raw: bool
    step: int | None

    def numbers(self, scalars: Scalars) -> Scalars:
        if self.step is None:
            return scalars
        there = scalars.steps == self.step
        return Scalars(scalars.steps[there], scalars.values[there], scalars.wall_times[there])

    def items(self, series: Series[Any]) -> Series[Any]:
        if self.step is None:
            return series
        there = np.flatnonzero(series.steps == self.step)
        columns = series.steps[there], series.wall_times[there], series.sizes[there]
        return Series(*columns, lambda at: series[int(there[at])])


def _rows(rows: Iterable[tuple[str, str, Any]]) -> Iterator[tuple[str, str, int, float, float]]:
    for run, tag, scalars in rows:
        columns = scalars.steps.tolist(), scalars.wall_times.tolist(), scalars.values.tolist()
        for step, wall_time, value in zip(*columns, strict=True):
            yield run, tag, step, wall_time, value


_COLUMNS = ("run", "tag", "step", "wall_time", "value")


def _write_csv(path: str, rows: Iterable[tuple[str, str, Any]]) -> None:
    with open(path, "x", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        # In Python 3.10, the module csv cannot write or read the character NUL.
        rows = ((run, tag.replace("\0", "\\x00"), scalars) for run, tag, scalars in rows)
        writer.writerows(_rows(rows))


def _write_jsonl(path: str, rows: Iterable[tuple[str, str, Any]]) -> None:
    with open(path, "x", encoding="utf-8") as file:
        for row in _rows(rows):
            file.write(to_json(dict(zip(_COLUMNS, row, strict=True))) + "\n")


def _write_parquet(path: str, rows: Sequence[tuple[str, str, Any]]) -> None:
    lengths = [len(scalars) for _, _, scalars in rows]
    columns = {
        "run": np.repeat(np.array([run for run, _, _ in rows], object), lengths),
        "tag": np.repeat(np.array([tag for _, tag, _ in rows], object), lengths),
        "step": np.concatenate([scalars.steps for _, _, scalars in rows]),
        "wall_time": np.concatenate([scalars.wall_times for _, _, scalars in rows]),
        "value": np.concatenate([scalars.values for _, _, scalars in rows]),
    }
    package("pyarrow.parquet").write_table(package("pyarrow").table(columns), path)


def _export_run(run: Run, target: str, wanted: _Wanted, done: Export) -> None:
    for tag, about in run.tags.items():
        if about.kind not in _ITEMS or not wanted.choose(run.name, tag):
            continue
        get, directory, content = _ITEMS[about.kind]
        series = wanted.items(get(run, tag, raw=wanted.raw))
        if not len(series):
            continue
        if content is not None:
            _write_items(target, directory, run, tag, series, content, done)
        else:
            _append(target, directory, run, tag, series, done)
    trial = run.hparams()
    if trial is not None and wanted.step is None and wanted.choose(run.name, "_hparams_"):
        row = {"run": run.name, "values": dict(trial.values), "metrics": list(trial.metrics)}
        _append_lines(target, "hparams", [{**row, "status": trial.status}], done)


def _append(target: str, kind: str, run: Run, tag: str, series: Series[Any], done: Export) -> None:
    lines = []
    for number in range(len(series)):
        try:
            item = series[number]
        except ValueError as error:  # damaged
            done.problems.append(str(error))
            continue
        about = {"run": run.name, "tag": tag, "step": item.step, "wall_time": item.wall_time}
        content = {"text": item.text} if kind == "texts" else {"buckets": item.buckets.tolist()}
        lines.append({**about, **content})
    _append_lines(target, kind, lines, done)


def _append_lines(target: str, kind: str, lines: Sequence[Any], done: Export) -> None:
    path = os.path.join(target, f"{kind}.jsonl")
    done.files += not os.path.exists(path)
    done.rows += len(lines)
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(to_json(line) + "\n" for line in lines)


def _write_items(
    target: str,
    kind: str,
    run: Run,
    tag: str,
    series: Series[Any],
    content: _Content,
    done: Export,
) -> None:
    directory = os.path.join(target, kind, *_parts(run.name), *_parts(tag))
    negative = bool((series.steps < 0).any())
    written: set[str] = set()
    for number in range(len(series)):
        step = int(series.steps[number])
        try:
            item = series[number]
            data, suffix = content(item)
        except ValueError as error:
            done.problems.append(str(error))
            continue
        # Sorting by name puts negative steps in the wrong order, so the value's number comes first.
        name = f"{number:09d}_step{step}" if negative else f"{step:09d}"
        if sample := getattr(item, "sample", 0):
            name += f"_{sample}"
        while name in written:  # with raw, a step may be repeated
            name += "_again"
        written.add(name)
        try:
            os.makedirs(directory, exist_ok=True)
            with open(os.path.join(directory, name + suffix), "xb") as file:
                file.write(data)
        except (FileExistsError, NotADirectoryError) as error:  # another tag has this file name
            done.problems.append(f"{error.filename}: {error.strerror}")
            continue
        done.files += 1


def _encoded(item: Any) -> tuple[bytes, str]:
    return item.encoded, suffix_of(item.encoded)


def _npy(item: Any) -> tuple[bytes, str]:
    import io

    buffer = io.BytesIO()
    value = item.value
    if value.nbytes > _MOST_BYTES and 0 in value.strides:
        raise ValueError(f"a tensor of step {item.step} repeats one element {value.size} times")
    if value.dtype == object:  # strings of one fixed length can be saved without pickle
        strings = set(value.flat)
        length = max(map(len, strings), default=0)
        if value.size * length > _MOST_BYTES:
            raise ValueError(
                f"the {value.size} strings of step {item.step} need {length} bytes each in a .npy "
                "file; read them with Run.tensors"
            )
        if any(string.endswith(b"\0") for string in strings):
            raise ValueError(
                f"a string of step {item.step} ends with a zero byte, which NumPy would drop in a "
                ".npy file; read it with Run.tensors"
            )
        value = value.astype(bytes)
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue(), ".npy"


#: For each kind: the function that returns the items, the name of their directory or table, and the
#: function that makes the file of an item. If the latter is None, items become lines of JSON.
_ITEMS: dict[str, tuple[Callable[..., Series[Any]], str, _Content | None]] = {
    "image": (Run.images, "images", _encoded),
    "audio": (Run.audio, "audio", _encoded),
    "tensor": (Run.tensors, "tensors", _npy),
    "text": (Run.texts, "texts", None),
    "histogram": (Run.histograms, "histograms", None),
}


def suffix_of(encoded: bytes) -> str:
    """Return the suffix for the file of a picture or sound from its first bytes."""
    if encoded[:4] == b"RIFF":
        return ".webp" if encoded[8:12] == b"WEBP" else ".wav"
    return next((suffix for magic, suffix in _SUFFIXES if encoded.startswith(magic)), ".bin")


def _parts(name: str) -> list[str]:
    if name == ".":
        return ["root"]
    parts = [safe_name(part) for part in name.split("/") if part]
    # A path has at most 4,096 bytes, and a tag may have any length.
    return parts if parts and len(name) <= _LONGEST_PATH else [safe_name(name)]


def safe_name(part: str) -> str:
    """Turn any text into a file name. A changed text gets a hash, so names rarely collide."""
    name = re.sub(r"[^\w. -]", "_", part)[:_LONGEST_NAME].strip(" ")
    odd = (
        not name
        or name != part
        or name.startswith(".")
        or name.endswith(".")
        or _RESERVED.fullmatch(name)
    )
    if not odd:
        return name
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name.strip('.') or 'name'}-{digest}"
