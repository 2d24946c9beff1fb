"""``tf.summary``'s writers, and the default writer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from tbimage import checks
from tbimage.compat.tf_summary import peer, state, tracing
from tbimage.writer import SummaryWriter as RunWriter
from tbimage.writer import defaults
from tbimage.writer.caller_warnings import warn_caller

# The default of tbimage.SummaryWriter. TF2 waits for ten summaries, or for two minutes.
_FLUSH_SECS = 0.1
_ANY = -(1 << 31)


class SummaryWriter:
    """A writer of ``tf.summary``. Make it with ``create_file_writer`` or ``create_noop_writer``.

    Example:
        >>> writer = create_file_writer("logs")
        >>> with writer.as_default(step=3) as entered:
        ...     entered is writer
        True
        >>> writer.close()
    """

    #: The ``tbimage.SummaryWriter`` that writes the file; None: nothing is written.
    _writer: RunWriter | None = None

    def set_as_default(self, step: Any = None) -> None:
        """Make this the default writer of this thread or asyncio task from now on.

        Args:
            step: The default step from now on; None does not change it.

        Raises:
            RuntimeError: The writer is closed.
        """
        if self._writer is None:
            return
        self._check_open()
        state.warn_of_never_logged()
        state.note_set(writer=self._writer)
        defaults.default_writer.set(self._writer)
        if step is not None:
            state.set_step(step)

    def as_default(self, step: Any = None) -> AbstractContextManager[SummaryWriter | None]:
        """Make this the default writer within a block. The block ends with a ``flush``.

        Args:
            step: The default step within the block; None does not change it.

        Raises:
            RuntimeError: The writer is closed.
        """
        if self._writer is None:
            return nullcontext()
        self._check_open()
        state.warn_of_never_logged()
        return self._as_default({} if step is None else {"step": step})

    @contextmanager
    def _as_default(self, values: Mapping[str, Any]) -> Iterator[SummaryWriter]:
        try:
            with state.replaced(writer=self._writer, **values):
                yield self
        except BaseException:
            with suppress(Exception):  # an error of the flush must not hide that of the block
                self.flush()
            raise
        self.flush()

    def init(self) -> None:
        """Do nothing: a writer is ready when it is made.

        Raises:
            RuntimeError: The writer is closed.
        """
        self._check_open()

    def flush(self) -> Any:
        """Wait until all earlier summaries are in the file. After ``close``, this does nothing.

        Returns:
            None; in a graph of TensorFlow, the operation that flushes.

        Raises:
            Exception: The first error since the last flush, such as an OSError for a full disk.
        """
        return None if self._writer is None else tracing.call(self._flush)

    def _flush(self) -> None:
        if self._writer is not None and not self._writer.closed:
            self._writer.flush()

    def close(self) -> Any:
        """Flush and close the file. A second call does nothing.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.
        """
        return None if self._writer is None else tracing.call(self._close)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _check_open(self) -> None:
        if self._writer is not None and self._writer.closed:
            raise RuntimeError(f"{self!r} is already closed; make another one")

    def __repr__(self) -> str:
        within = "nothing" if self._writer is None else repr(self._writer)
        return f"<{__name__.rpartition('.')[0]}.{type(self).__name__} for {within}>"


def create_file_writer(
    logdir: Any,
    max_queue: Any = None,
    flush_millis: Any = None,
    filename_suffix: Any = None,
    name: Any = None,
    experimental_trackable: Any = False,
    experimental_mesh: Any = None,
) -> SummaryWriter:
    """Make a writer of a run directory.

    Args:
        logdir: The directory: a string, a path object or a string tensor. It is created if missing.
        max_queue: If this is 0 or less, summaries are written at once. Otherwise they are written
            within 0.1 seconds.
        flush_millis: If this is less than 100, summaries are written within this number of
            milliseconds.
        filename_suffix: The end of the event files' names. Default: ".v2".
        name: Not used.
        experimental_trackable: Not used. If it is true, there is a warning.
        experimental_mesh: Not used. If it is given, there is a warning.

    Returns:
        The writer, which is not the default writer yet.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``logdir`` is None or empty, or another argument has a wrong value.
        OSError: The directory or the event file cannot be made.

    Example:
        >>> create_file_writer("logs", flush_millis=10).close()
    """
    if logdir is None:
        raise ValueError(
            "logdir must be a directory, got None; to log nothing, use create_noop_writer()"
        )
    logdir, filename_suffix = peer.as_text(logdir), peer.as_text(filename_suffix)
    for argument, value in {"logdir": logdir, "filename_suffix": filename_suffix}.items():
        if peer.is_tensor(value):
            raise ValueError(
                f"{argument} must be known before a graph runs, got the symbolic tensor {value!r}; "
                "pass a string"
            )
    for argument, value in (
        ("experimental_trackable", experimental_trackable),
        ("experimental_mesh", experimental_mesh),
    ):
        if value:
            warn_caller(f"{argument} has no effect without TensorFlow", UserWarning)
    flush_secs = _FLUSH_SECS
    if flush_millis is not None:
        flush_secs = min(
            max(checks.integer("flush_millis", flush_millis, _ANY), 0) / 1000, flush_secs
        )
    if max_queue is not None and checks.integer("max_queue", max_queue, _ANY) <= 0:
        flush_secs = 0.0
    writer = SummaryWriter()
    writer._writer = RunWriter(
        os.fsdecode(logdir) if isinstance(logdir, bytes) else logdir,
        filename_suffix=".v2" if filename_suffix is None else filename_suffix,
        flush_secs=flush_secs,
        wire="tensor",
    )
    return writer


def create_noop_writer() -> SummaryWriter:
    """Make a writer that does nothing, and does not become the default writer.

    Example:
        >>> with create_noop_writer().as_default(step=3) as entered:
        ...     print(entered, defaults.get_step())
        None None
    """
    return SummaryWriter()


def flush(writer: Any = None, name: Any = None) -> Any:
    """Wait until all earlier summaries of a writer are in its file.

    Args:
        writer: The writer; None: the default writer, if there is one.
        name: Not used.

    Returns:
        None. In a graph of TensorFlow, the operation that flushes, or its result (a bool tensor).

    Raises:
        ValueError: ``writer`` is not a ``SummaryWriter``.
        Exception: As ``SummaryWriter.flush``.

    Example:
        >>> flush()
    """
    if writer is None:
        done = tracing.ask(_flush_default, None)
        return done if peer.is_tensor(done) else None
    if not isinstance(writer, SummaryWriter):
        raise ValueError(
            f"writer must be a SummaryWriter or None, got {writer!r} of type "
            f"{type(writer).__name__}"
        )
    return writer.flush()


def _flush_default(step: None) -> bool:
    default = defaults.default_writer.get()
    if default is not None and not default.closed:
        default.flush()
    return default is not None
