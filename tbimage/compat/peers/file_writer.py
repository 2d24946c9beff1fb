"""The common part of the ``FileWriter`` classes of torch and tensorboardX.

A FileWriter takes messages that other packages have made, and logs them with a
``tbimage.SummaryWriter``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from tbimage import checks
from tbimage.compat.peers.drafts import Draft, log
from tbimage.compat.peers.numbers import check_step, check_walltime
from tbimage.kinds import graph, raw
from tbimage.writer import SummaryWriter, defaults

#: The value of ``global_step`` for an automatic step: 1 more than the last step of the tag.
AUTOMATIC: Any = object()

#: A step (None: automatic) and a time (None: the current time).
When = tuple["int | None", "float | None"]


class BaseFileWriter:
    """The common part of both peers' file writers.

    Attributes:
        native: The ``tbimage.SummaryWriter``; None if nothing is written (``to_disk=False``).
    """

    #: The name under which TensorBoard's Graphs page shows the RunMetadata of a graph.
    run_tag: ClassVar[str] = graph.RUN_TAG

    #: The argument ``fsync`` of ``SummaryWriter``.
    fsync: ClassVar[str] = "never"

    def __init__(
        self, logdir: str | os.PathLike[str], filename_suffix: str = "", *, to_disk: bool = True
    ) -> None:
        self._logdir = str(logdir)
        self._filename_suffix = filename_suffix or ""
        self._default_metadata: dict[str, Any] = {}
        self.native: SummaryWriter | None = None
        if to_disk:
            self._open()

    def _open(self) -> None:
        self.native = SummaryWriter(
            self._logdir, filename_suffix=self._filename_suffix, fsync=self.fsync
        )

    @property
    def event_writer(self) -> BaseFileWriter:
        """This writer itself, because it also writes events."""
        return self

    def get_logdir(self) -> str:
        """Return the run directory."""
        return self._logdir

    def when(self, global_step: Any, walltime: Any, default: int | None = 0) -> When:
        """Return the step and the time of a summary. ``default`` is the step if none is set."""
        if global_step is None:
            global_step = self._default_metadata.get("global_step")
        if walltime is None:
            walltime = self._default_metadata.get("walltime")
        if walltime is not None:
            walltime = check_walltime(walltime)
        if global_step is AUTOMATIC:
            return None, walltime
        return (default if global_step is None else check_step(global_step)), walltime

    def log(self, draft: Draft, global_step: Any = None, walltime: float | None = None) -> None:
        """Log a draft."""
        if self.native is not None:
            log(self.native, draft, *self.when(global_step, walltime))

    def add_summary(
        self, summary: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Log a Summary: a message of any package, or its bytes."""
        if self.native is None:
            return
        data = raw.serialized("summary", summary, "Summary")
        step, walltime = self.when(global_step, walltime)
        if data:
            self.native.raw_summary(data, step, wall_time=walltime)

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Log an Event: a message of any package, or its bytes.

        If ``step`` is given, it replaces the step of the event. ``walltime``, or the current time
        if it is None, replaces the time of the event.
        """
        if self.native is None:
            return
        from tbimage.events.messages import Event

        parsed: Any = Event.FromString(raw.serialized("event", event, "Event"))
        number, walltime = self.when(step, walltime)
        parsed.wall_time = checks.wall_time(walltime)
        given = step is not None or self._default_metadata.get("global_step") is not None
        self.native.raw_event(parsed, number if given else None)

    def add_graph(self, graph_profile: Sequence[Any], walltime: float | None = None) -> None:
        """Log a graph. ``graph_profile`` is a GraphDef message and a RunMetadata message."""
        self.log_graph(
            graph_profile[0].SerializeToString(), graph_profile[1].SerializeToString(), walltime
        )

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Log a graph without RunMetadata. ``graph`` is a GraphDef message."""
        self.log_graph(graph.SerializeToString(), None, walltime)

    def log_graph(
        self, serialized: bytes, run_metadata: bytes | None, walltime: float | None = None
    ) -> None:
        """Log a serialized GraphDef, and a serialized RunMetadata if it is not None."""
        if self.native is not None:
            wall_time = checks.wall_time(walltime)
            for event in graph.events(serialized, run_metadata, wall_time, self.run_tag):
                self.native.raw_event(event)

    def flush(self) -> None:
        """Wait until all earlier summaries are in the file."""
        if self.native is not None:
            self.native.flush()

    def close(self) -> None:
        """Flush and close the file."""
        if self.native is not None:
            self.native.close()

    def reopen(self) -> None:
        """If the file was closed, begin a new file in the same directory."""
        if self.native is not None and self.native.closed:
            self._open()

    @contextlib.contextmanager
    def _use_metadata(self, **metadata: Any) -> Iterator[None]:
        before = self._default_metadata
        given = {name: value for name, value in metadata.items() if value is not None}
        put = partial(setattr, self, "_default_metadata")
        with defaults.changed(partial(put, {**before, **given}), partial(put, before)):
            yield
