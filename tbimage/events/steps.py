"""Automatic steps: the greatest step of the name so far, plus 1."""

from __future__ import annotations

from collections.abc import Mapping

from tbimage.events.event_files import EventFiles
from tbimage.events.reporting import Errors
from tbimage.events.storage import is_shortage

_LAST_STEP = (1 << 63) - 1  # steps are int64
# A service that uses a new name for each request must not fill the memory. This number of names
# takes 10 MB.
_MOST_NAMES = 100_000


class Steps:
    """The greatest step of each name. Only the owner changes this object.

    Example:
        >>> steps = Steps()
        >>> steps.history = {"loss": 41}
        >>> steps.draw("loss", None), steps.draw("loss", None), steps.draw("accuracy", None)
        (42, 43, 0)
    """

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.history: Mapping[str, int] | None = None  # steps in earlier files; None: not read yet
        #: Why the steps in earlier files are not known yet: descriptors or memory are missing.
        self.error: Exception | None = None
        self._floor = -1  # no forgotten name has had a greater step
        self._purged_from = _LAST_STEP + 1  # in earlier files, steps from here on are purged

    def copy(self) -> Steps:
        """Return a copy with the same steps, for a forked child."""
        other = Steps()
        other.last, other._floor = self.last.copy(), self._floor
        other._purged_from = self._purged_from
        other.history = self.history or {}  # the child writes to a new directory
        return other

    def needs_history(self, name: str) -> bool:
        """Tell whether an automatic step of this name depends on earlier files in the directory."""
        return self.history is None and name not in self.last

    def read(self, files: EventFiles, errors: Errors, *, raises: bool) -> bool:
        """Read the steps in earlier files; False if a later attempt may succeed.

        ``raises`` tells whether the next flush raises an error after which no attempt helps.
        """
        try:
            self.history = files.history()
            if self.error is not None:
                errors.note_recovery()
        except Exception as error:
            if is_shortage(error):
                errors.note(error, "the next automatic steps are not known, so summaries wait")
                self.error = error
                return False
            (errors.lose if raises else errors.note)(error, "automatic steps begin with 0")
            self.history = {}
        self.error = None
        return True

    def draw(self, name: str, step: int | None) -> int:
        """Choose, store and return a step; ValueError if an automatic step would be too large.

        ``step`` is the explicit step, or None for an automatic step.
        """
        last = self.last.get(name)
        if last is not None:
            if step is None:
                step = _next(name, last)
            self.last[name] = max(step, last)
            return step
        if step is None:
            step = self._first_step(name)
        if len(self.last) >= _MOST_NAMES:
            self._forget_half()
        self.last[name] = step
        return step

    def _first_step(self, name: str) -> int:
        history = self.history or {}
        last = max(history.get(name, -1), history.get(f"{name}/image/0", -1))
        return _next(name, max(self._floor, min(last, self._purged_from - 1)))

    def _forget_half(self) -> None:
        names = list(self.last)
        older, newer = names[: len(names) // 2], names[len(names) // 2 :]
        self._floor = max(self._floor, max(self.last[name] for name in older))
        self.last = {name: self.last[name] for name in newer}

    def go_back(self, step: int) -> None:
        """Forget purged steps: the next automatic step of each name is at most ``step``."""
        self.last = {name: min(last, step - 1) for name, last in self.last.items()}
        self._floor = min(self._floor, step - 1)
        self._purged_from = min(self._purged_from, step)


def _next(name: str, last: int) -> int:
    if last >= _LAST_STEP:
        raise ValueError(f"{name!r} has already had the greatest possible step, {last}")
    return last + 1
