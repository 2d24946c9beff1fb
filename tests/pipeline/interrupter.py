"""Raise KeyboardInterrupt at one place of a call: at a bytecode, or as a C function returns.

The places of the calling thread are counted, in tbimage and in the standard library alike. CPython
runs signal handlers at fewer places than these, and at different ones in each version. A call that
survives an interrupt at each place survives a signal at any time.

Some frames have no places, or fewer. The import system leaves its own locks behind when it is
interrupted, so that a test does all imports before. ``Thread.start`` holds a lock of the whole
interpreter between two bytecodes where no handler can run, so only returns from C count there.
CPython prints and ignores an exception in ``__del__``, which runs here if a worker is late.
matplotlib cannot draw later figures if its own functions, or those that they call, are interrupted.
"""

from __future__ import annotations

import sys
import threading
import types
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The interrupt of a test, which differs from a real Ctrl-C."""


class Interrupter:
    """Raises ``Interrupted`` at one place in the calls of this thread within the block.

    Args:
        place: The number of places before it. None: raise nothing, and count the places.

    Attributes:
        places: The number of places that this thread passed.
        happened: Where the interrupt was raised, or None.
    """

    def __init__(self, place: int | None = None) -> None:
        self._place = place
        self.places = 0
        self.happened: str | None = None
        self._in_matplotlib = False

    def __enter__(self) -> Interrupter:
        sys._getframe().f_trace_opcodes = True  # Python 3.12 reads it when tracing begins
        sys.setprofile(self._profile)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.settrace(None)  # an exception of a trace function turns off only that function
        sys.setprofile(None)

    def _trace(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            if "/matplotlib/" in frame.f_code.co_filename and not self._in_matplotlib:
                self._in_matplotlib = True
                return self._leave_matplotlib
            if not self._has_places(frame) or frame.f_code is threading.Thread.start.__code__:
                return None
            frame.f_trace = self._trace  # first, because Python 3.13 reads it in the next line
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            self._come_to(frame, "bytecode")
        return self._trace

    def _leave_matplotlib(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if event == "return":
            self._in_matplotlib = False
        return self._leave_matplotlib

    def _profile(self, frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "c_return" and self._has_places(frame):
            self._come_to(frame, f"return from {getattr(argument, '__name__', argument)}")

    def _come_to(self, frame: types.FrameType, what: str) -> None:
        place = self.places
        self.places += 1
        if place != self._place:
            return
        code = frame.f_code
        self.happened = (
            f"place {place}: {what} in {code.co_name}, {code.co_filename}:{frame.f_lineno}, "
            f"offset {frame.f_lasti}"
        )
        raise Interrupted(self.happened)

    def _has_places(self, frame: types.FrameType) -> bool:
        code = frame.f_code
        name = code.co_filename
        return not (
            self._in_matplotlib
            or name == __file__
            or name.startswith("<frozen importlib")
            or code.co_name == "__del__"
        )
