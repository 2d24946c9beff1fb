"""The settings of a writer, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tbimage import checks
from tbimage.events.segments import SegmentOptions
from tbimage.events.storage import urls
from tbimage.pipeline import PipelineOptions
from tbimage.writer import ranks
from tbimage.writer.sampling import Keep

# Four workers encode about 1.5 GB/s. More would take processors that a service itself needs.
_MOST_WORKERS = 4

_CHOICES = {
    "wire": ("image", "tensor"),
    "encoding": ("png", "jpeg"),
    "compression": ("fast", "balanced", "small"),
    "on_full": ("block", "drop"),
    "on_error": ("raise", "log"),
    "fsync": ("never", "flush", "close"),
}
# For each setting: the least value, and whether None is allowed.
_COUNTS = {
    "max_pending_bytes": (1, False),
    "workers": (1, True),
    "max_file_bytes": (1, True),
    "keep_files": (2, True),
    "keep_bytes": (0, True),
    "min_free_bytes": (0, False),
}
# For each setting: whether None is allowed.
_SECONDS = {
    "block_timeout": True,
    "flush_secs": False,
    "max_file_secs": True,
    "close_timeout": False,
    "upload_secs": False,
}


def _usual_workers() -> int:
    """Return the number of processors that this process may use, but at most 4."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(processors, _MOST_WORKERS)


@dataclass(frozen=True, kw_only=True)
class Settings(SegmentOptions, PipelineOptions):
    """The settings of a writer; ``RunWriter`` documents them. A wrong value raises an error."""

    wire: str = "image"
    encoding: str = "png"
    quality: int = 90
    compression: str = "fast"
    workers: int = field(default_factory=_usual_workers)
    upload_secs: float = 5.0
    spool_dir: str | os.PathLike[str] | None = None
    keep: Mapping[str, Keep] = field(default_factory=dict)
    font: Any = None
    rank: str | int | None = None

    def __post_init__(self) -> None:
        _check_suffix(self.filename_suffix)
        spool_dir = self.spool_dir
        if spool_dir is not None:
            path = os.fspath(spool_dir) if isinstance(spool_dir, os.PathLike) else spool_dir
            spool_dir = os.path.abspath(checks.text("spool_dir", path))
            if "\0" in spool_dir:
                raise ValueError(
                    f"spool_dir must not contain NUL, got {spool_dir!r}; pass a local path"
                )
        given = self.__dict__
        checked: dict[str, object] = {
            "keep": _check_keep(self.keep),
            "spool_dir": spool_dir,
            "rank": ranks.check_rank(self.rank),
        }
        for name, choices in _CHOICES.items():
            checked[name] = checks.choice(name, given[name], choices)
        for name, (least, optional) in _COUNTS.items():
            checked[name] = checks.integer(name, given[name], least, optional=optional)
        checked["quality"] = checks.integer("quality", self.quality, 1, 100)
        for name, optional in _SECONDS.items():
            checked[name] = checks.seconds(name, given[name], optional=optional)
        given.update(checked)  # plain Python values replace values of NumPy


def check_logdir(logdir: object) -> str:
    """Check the directory of a run, and make it absolute: it must not change after ``os.chdir``."""
    try:
        path = os.fspath(logdir)  # type: ignore[call-overload]
    except TypeError:
        path = None
    if not isinstance(path, str):
        raise TypeError(f"logdir must be a str or a path, got {checks.given(logdir)}")
    if not path:
        raise ValueError("logdir must not be empty; pass '.' for the current directory")
    if urls.is_url(path):
        return urls.check_url(path, "logdir")
    return os.path.abspath(path)


def _check_keep(policies: object) -> dict[str, Keep]:
    if not isinstance(policies, Mapping):
        raise TypeError(
            f"keep must be a mapping from patterns to tbimage.Keep, got {checks.given(policies)}; "
            'for all names, pass {"*": tbimage.Keep(...)}'
        )
    for pattern, policy in policies.items():
        if not isinstance(pattern, str) or not isinstance(policy, Keep):
            raise TypeError(
                "keep must map patterns, which are strings, to tbimage.Keep, got "
                f"{checks.shown(pattern)}: {checks.shown(policy)}"
            )
    return dict(policies)


def _check_suffix(suffix: object) -> None:
    suffix = checks.text("filename_suffix", suffix)
    if "/" in suffix or os.sep in suffix or "\0" in suffix:
        raise ValueError(
            f"filename_suffix must not contain a path separator or NUL, got {suffix!r}"
        )
    if suffix[:1].isdigit():
        raise ValueError(
            f"filename_suffix must not start with a digit, got {suffix!r}: in the name of a file, "
            f"the suffix follows the number that orders the files; pass {'.' + suffix!r}"
        )
