"""Find faults in event files, and values that TensorBoard does not show."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tbimage.events.names import is_event_file
from tbimage.reading.damage import REASONS, Damage
from tbimage.reading.repair import whole_records
from tbimage.reading.runs import kind_of

if TYPE_CHECKING:
    from tbimage.events.messages import Event, Summary
    from tbimage.reading.logs import Logs

__all__ = ["CODES", "Finding", "lint"]

#: The meaning of each code, and sometimes a remedy. Facts about TensorBoard are from release 2.21.
CODES = {
    "damaged": "a record is damaged: TensorBoard reads nothing after it; use `tbimage repair`",
    "torn": "the last record is incomplete: the file is being written, or its writer was stopped",
    "unreadable": "it cannot be opened or read",
    "empty": "the file has no record",
    "name": "the name does not contain 'tfevents': TensorBoard does not read the file",
    "no-version": "the file does not begin with a file_version: when a step goes back, "
    "TensorBoard's Python loader drops points of all tags",
    "many-files": "the run has very many files: the data server keeps each of them open",
    "nan-time": "a wall time is NaN: the data server reads nothing after it",
    "step-back": "steps do not grow: TensorBoard removes the earlier values of the tag that have "
    "the same step or a greater step",
    "two-kinds": "values are of several kinds: TensorBoard shows only values of the first kind",
    "no-metadata": "a tensor has no plugin: no dashboard shows it",
    "not-float32": "a scalar is a tensor of another type than float32: the data server drops it",
    "not-scalar": "a scalar is a tensor of several numbers: the data server drops it",
    "image-format": "a picture is neither PNG, JPEG, GIF nor BMP: browsers may not show it",
}
_WARNINGS = {"torn", "empty", "no-version", "many-files", "step-back", "image-format"}
# The data server keeps each file open. On most systems, a process can have 1024 open files.
_MANY_FILES = 500
_SHOWN_FORMATS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")


@dataclass(frozen=True, order=True)
class Finding:
    """One fault.

    Attributes:
        path: The file, or the directory of a run.
        tag: The tag, or empty.
        code: A key of ``CODES``.
        detail: The position of the fault, its count, or other details.
        severity: ``"error"`` if data is lost or not shown, else ``"warning"``.
    """

    path: str
    tag: str
    code: str
    detail: str

    @property
    def severity(self) -> str:
        """``"error"`` if data is lost or not shown, else ``"warning"``."""
        return "warning" if self.code in _WARNINGS else "error"

    def __str__(self) -> str:
        tag = f" tag {self.tag!r}:" if self.tag else ""
        return f"{self.path}:{tag} {CODES[self.code]} ({self.detail})"


@dataclass
class _Series:
    """The state of a tag while the records of its run are read."""

    first_kind: str
    plugin: str
    last_step: int
    backward: list[int] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)  # how often each code was found
    kinds: set[str] = field(default_factory=set)


def lint(
    logs: Logs, *, progress: Callable[[Sequence[str]], Iterable[str]] = iter
) -> Iterator[Finding]:
    """Read all records of logs, and yield their faults.

    Args:
        logs: The logs that ``tbimage.read`` returned.
        progress: A function that takes the files and yields them. It may show the progress.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     _ = writer.scalar("loss", 0.5, step=1)
        >>> list(lint(tbimage.read("runs")))
        []
    """
    files = [(run.name, path) for run in logs.values() for path in run.files]
    names = iter(files)
    current, series = None, dict[str, _Series]()
    for damage in logs.damage:
        if damage.kind == "unreadable":
            yield Finding(damage.path, "", "unreadable", damage.detail)
    for path in progress([path for _, path in files]):
        run, _ = next(names)
        if run != current:
            yield from _findings_of_run(current, series, logs)
            current, series = run, {}
        yield from _lint_file(path, series)
    yield from _findings_of_run(current, series, logs)


def _findings_of_run(name: str | None, series: dict[str, _Series], logs: Logs) -> Iterator[Finding]:
    if name is None:
        return
    directory = os.path.dirname(logs[name].files[0]) or "."
    if len(logs[name].files) > _MANY_FILES:
        yield Finding(directory, "", "many-files", f"{len(logs[name].files)} files")
    for tag, about in sorted(series.items()):
        if about.backward:
            steps = about.backward
            detail = f"{len(steps)} times, first at step {steps[0]}"
            yield Finding(directory, tag, "step-back", detail)
        if len(about.kinds) > 1:
            kinds = ", ".join([about.first_kind, *sorted(about.kinds - {about.first_kind})])
            yield Finding(directory, tag, "two-kinds", kinds)
        for code, count in sorted(about.faults.items()):
            yield Finding(directory, tag, code, f"{count} values")


def _lint_file(path: str, series: dict[str, _Series]) -> Iterator[Finding]:
    if not is_event_file(os.path.basename(path)):
        yield Finding(path, "", "name", os.path.basename(path))
    lost: list[Damage] = []
    count = 0
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        yield Finding(path, "", "unreadable", error.strerror or str(error))
        return
    try:
        for offset, _, event in whole_records(path, descriptor, lost):
            if not count and not event.file_version:
                yield Finding(path, "", "no-version", f"it begins with {event.WhichOneof('what')}")
            if math.isnan(event.wall_time):
                yield Finding(path, "", "nan-time", f"record at byte {offset}")
            for value in event.summary.value:
                _note(event, value, series)
            count += 1
    finally:
        os.close(descriptor)
    if not count and not lost:
        yield Finding(path, "", "empty", "0 bytes")
    for damage in lost:
        code = "torn" if damage.kind == "torn" else "damaged"
        where = f"{damage.length} bytes at byte {damage.offset}: {REASONS[damage.kind]}"
        yield Finding(path, "", code, where)


def _note(event: Event, value: Summary.Value, series: dict[str, _Series]) -> None:
    which = value.WhichOneof("value")
    about = series.get(value.tag)
    plugin = about.plugin if about is not None else value.metadata.plugin_data.plugin_name
    form = value.DESCRIPTOR.fields_by_name[which].number if which else 0
    kind = "scalar" if which == "simple_value" else kind_of(form, plugin)
    if which == "tensor" and plugin == "scalars":
        kind = "scalar"
    if about is None:
        about = series[value.tag] = _Series(kind, plugin, event.step, kinds={kind})
    elif event.step <= about.last_step:
        about.backward.append(event.step)
    about.last_step = event.step
    about.kinds.add(kind)
    for code in _faults(value, which, plugin):
        about.faults[code] = about.faults.get(code, 0) + 1


def _faults(value: Any, which: str | None, plugin: str) -> Iterator[str]:
    pictures = []
    if which == "image":
        pictures = [value.image.encoded_image_string]
    elif which == "tensor" and plugin == "images":
        pictures = value.tensor.string_val[2:]
    elif which == "tensor" and not plugin:
        yield "no-metadata"
    elif which == "tensor" and plugin == "scalars":
        if value.tensor.dtype != 1:
            yield "not-float32"
        elif value.tensor.tensor_shape.dim:
            yield "not-scalar"
    if not all(bytes(each[:8]).startswith(_SHOWN_FORMATS) for each in pictures):
        yield "image-format"
