"""The settings of a writer, checked once."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tbimage.events.segments import SegmentOptions
from tbimage.pipeline import PipelineOptions
from tbimage.writer.sampling import Keep

__all__ = ["Settings", "check_logdir", "check_timeout"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a writer; ``RunWriter`` documents each.

    Raises:
        TypeError: A value is of the wrong type.
        ValueError: A value is none of those allowed.

    Example:
        >>> Settings(wire="tensor").max_pending_bytes
        268435456
    """

    filename_suffix: str = ""
    wire: str = "image"
    encoding: str = "png"
    quality: int = 90
    compression: str = "fast"
    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    workers: int | None = None
    flush_secs: float = 0.1
    fsync: str = "never"
    on_error: str = "raise"
    max_file_bytes: int | None = None
    max_file_secs: float | None = None
    keep_files: int | None = None
    keep_bytes: int | None = None
    min_free_bytes: int = 0
    close_timeout: float = 30.0
    keep: Mapping[str, Keep] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_suffix(self.filename_suffix)
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        for name, (least, optional) in _COUNTS.items():
            _check_count(name, getattr(self, name), least, optional)
        if self.quality > _BEST_QUALITY:
            raise ValueError(
                f"quality must be an integer of at most {_BEST_QUALITY}, got {self.quality!r}"
            )
        for name, optional in _SECONDS.items():
            _check_seconds(name, getattr(self, name), optional)
        object.__setattr__(self, "keep", _check_keep(self.keep))

    def segment_options(self) -> SegmentOptions:
        """Return what concerns event files."""
        return SegmentOptions(
            **{each.name: getattr(self, each.name) for each in fields(SegmentOptions)}
        )

    def pipeline_options(self) -> PipelineOptions:
        """Return what concerns the pipeline."""
        given = {each.name: getattr(self, each.name) for each in fields(PipelineOptions)}
        return PipelineOptions(**{**given, "workers": self.worker_count})

    @property
    def worker_count(self) -> int:
        """How many threads encode: one for each processor this process may use, at most 4."""
        if self.workers is not None:
            return self.workers
        return min(_usable_processors(), _MOST_WORKERS)


# A service wants its processors for itself; four workers encode about 1.5 GB/s, more than anyone
# looks at.
_MOST_WORKERS = 4

# On the scale of the Independent JPEG Group.
_BEST_QUALITY = 100

_CHOICES = {
    "wire": ("image", "tensor"),
    "encoding": ("png", "jpeg"),
    "compression": ("fast", "balanced", "small"),
    "on_full": ("block", "drop"),
    "on_error": ("raise", "log"),
    "fsync": ("never", "flush", "close"),
}
# The least value, and whether None is allowed.
_COUNTS = {
    "quality": (1, False),
    "max_pending_bytes": (1, False),
    "workers": (1, True),
    "max_file_bytes": (1, True),
    "keep_files": (2, True),
    "keep_bytes": (0, True),
    "min_free_bytes": (0, False),
}
# Whether None is allowed.
_SECONDS = {
    "block_timeout": True,
    "flush_secs": False,
    "max_file_secs": True,
    "close_timeout": False,
}


def check_logdir(logdir: object) -> str:
    """Check the directory of a run.

    Args:
        logdir: A str or PathLike; relative ones are made absolute, so that a later chdir changes
            nothing.

    Raises:
        TypeError: It is neither.
        ValueError: It is empty or a URL.

    Example:
        >>> check_logdir("/tmp/run")
        '/tmp/run'
    """
    try:
        path = os.fspath(logdir)  # type: ignore[call-overload]
    except TypeError:
        path = None
    if not isinstance(path, str):
        raise TypeError(
            f"logdir must be a str or a path, got {logdir!r} of type {type(logdir).__name__}"
        )
    if not path:
        raise ValueError("logdir must not be empty; pass '.' for the current directory")
    if "://" in path:
        raise ValueError(
            f"logdir must be a local directory, got {path!r}: object stores are not supported yet; "
            "log to a local directory and upload it"
        )
    return os.path.abspath(path)


def check_timeout(timeout: object) -> float | None:
    """Check how long somebody is willing to wait.

    Args:
        timeout: Seconds, 0 or more; None: as long as it takes.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative, NaN, or more than the system can wait (292 years on Linux).

    Example:
        >>> check_timeout(5)
        5
    """
    _check_seconds("timeout", timeout, optional=True)
    return timeout  # type: ignore[return-value]


def _usable_processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _check_choice(name: str, value: object, choices: Collection[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        allowed = " or ".join(map(repr, choices))
        raise ValueError(f"{name} must be {allowed}, got {value!r}")


def _check_count(name: str, value: Any, least: int, optional: bool) -> None:
    if value is None and optional:
        return
    expected = f"an integer of at least {least}" + (", or None" if optional else "")
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"{name} must be {expected}, got {value!r} of type {type(value).__name__}")
    if count < least:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def _check_seconds(name: str, value: Any, optional: bool) -> None:
    if value is None and optional:
        return
    expected = "seconds, 0 or more" + (", or None" if optional else "")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be {expected}, got {value!r} of type {type(value).__name__}")
    if not 0 <= value <= threading.TIMEOUT_MAX:
        hint = "; pass None to wait as long as it takes" if optional and value > 0 else ""
        raise ValueError(f"{name} must be {expected}, got {value!r}{hint}")


def _check_keep(policies: Any) -> dict[str, Keep]:
    if not isinstance(policies, Mapping):
        raise TypeError(
            f"keep must be a mapping from patterns to tbimage.Keep, got {policies!r} of type "
            f'{type(policies).__name__}; for all names pass {{"*": tbimage.Keep(...)}}'
        )
    for pattern, policy in policies.items():
        if not isinstance(pattern, str) or not isinstance(policy, Keep):
            raise TypeError(
                f"keep must map patterns, which are strings, to tbimage.Keep, got {pattern!r}: "
                f"{policy!r}"
            )
    return dict(policies)


def _check_suffix(suffix: object) -> None:
    if not isinstance(suffix, str):
        raise TypeError(
            f"filename_suffix must be a string, got {suffix!r} of type {type(suffix).__name__}"
        )
    if "/" in suffix or os.sep in suffix or "\0" in suffix:
        raise ValueError(f"filename_suffix must not hold a path separator or NUL, got {suffix!r}")
    if suffix[:1].isdigit():
        raise ValueError(
            f"filename_suffix must not start with a digit, got {suffix!r}: it follows a number by "
            f"which files are ordered; pass {'.' + suffix!r}"
        )
