"""Logging within a ``tf.function``: each call becomes an operation of TensorFlow's graph.

TensorFlow runs the Python code of a function once, to trace it. After that, it runs only the graph.
So a call that is traced adds a ``tf.py_function`` to the graph. This operation logs with each
execution of the graph.

Rules:
- Tensors and Variables are inputs of the operation. The operation reads their values when it runs.
- Values that were set while the function was traced (``with writer.as_default(step)`` in its body)
  are used in all executions.
- If the function does not set the default writer, the default step or the condition, each execution
  looks it up. An execution runs in a thread of TensorFlow, so it uses the values of the thread that
  traced the function. If that thread has no default writer, it uses the values of the only thread
  that has one. If no thread or several threads have one, it uses the values at tracing.
- If there is no default writer at tracing, nothing is added to the graph, as in TF2, because an
  exported model must not contain Python code. The next ``as_default`` then warns.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tbimage.compat.tf_summary import peer, state
from tbimage.compat.tf_summary.state import Condition, Surroundings
from tbimage.writer import defaults

#: A function that logs, or that tells whether summaries are recorded. Its first argument is a step.
Function = Callable[..., bool]


def log(record: Function, step: Any, *arguments: Any, always: bool = False) -> Any:
    """Log a summary now, or with each execution of the graph that is being built.

    Args:
        record: The function that logs with the default writer. It takes the step and the arguments.
        step: The step of the summary; None: the default step.
        arguments: The other arguments of ``record``; tensors in them may be symbolic.
        always: At tracing, require a step even if ``record_if`` is False.

    Returns:
        The result of ``record``; in a graph, a bool tensor for this result.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: There is a writer but no step, or TensorFlow cannot call Python from this graph.
    """
    tf = peer.building_graph()
    if tf is not None:
        _check_step(tf, step, always)
        if _surroundings(tf) is None:
            state.note_never_logged(arguments[0])
    return ask(record, step, *arguments)


def log_made(
    record: Function, step: Any, tag: Any, make: Callable[[], Any], *arguments: Any
) -> Any:
    """Log the data that ``make`` returns. ``make`` is called only if the summary is recorded.

    In a graph, ``make`` is called at tracing and adds operations to the graph. These operations run
    only in the executions that record the summary.
    """
    tf = peer.building_graph()
    if tf is None:
        return log(record, step, tag, make, *arguments)
    _check_step(tf, step, False)
    add = tf.autograph.experimental.do_not_convert(_add_made)
    return add(tf, record, step, tag, make, arguments)


def ask(function: Function, step: Any, *arguments: Any) -> Any:
    """Call a function now, or with each execution of the graph. The step is not checked."""
    tf = peer.imported()
    if tf is None:
        return function(step, *arguments)
    if not tf.executing_eagerly():
        return tf.autograph.experimental.do_not_convert(_add)(tf, function, step, arguments)
    if not _in_replica(tf):
        return function(step, *arguments)
    here = _surroundings(tf)
    return here is not None and _is_first(tf) and _within(here, function, step, arguments)


def check_rank(data: Any, rank: int, layout: str) -> None:
    """At tracing, raise an error if there is a default writer and data has a wrong rank."""
    tf = peer.building_graph()
    shape = getattr(data, "shape", None)
    if tf is None or shape is None or tf.TensorShape(shape).rank in (rank, None):
        return
    if _surroundings(tf) is not None:
        raise ValueError(f"data must be {layout}, got shape {tuple(shape)}")


def call(function: Callable[[], object]) -> Any:
    """Call a function now, or with each execution of the graph that is being built."""
    tf = peer.building_graph()
    if tf is None:
        return function()
    _check_graph(tf)

    def execute() -> None:
        function()

    return tf.py_function(execute, [], [])


def _check_step(tf: Any, step: Any, always: bool) -> None:
    """Check a step at tracing, so that the error shows the line of the call."""
    if step is None:
        here = _surroundings(tf)
        if here is None or here.step is not None or _in_replica(tf):
            return
        asks = here.condition
        if always or not (isinstance(asks, Condition) and asks.value is False):
            raise state.missing_step()
    elif not tf.is_tensor(peer.as_input(step)):
        state.as_step(step)
    else:
        step = peer.as_input(step)
        if not (step.dtype.is_integer or step.dtype.is_bool):
            raise TypeError(f"step must be an integer, got a tensor of {step.dtype.name}")
        if step.shape.num_elements() not in (1, None):
            raise ValueError(f"step must be one integer, got shape {tuple(step.shape)}")


def _check_graph(tf: Any) -> None:
    """Raise an error if the graph cannot call Python. Otherwise, summaries would be lost."""
    if not tf.compat.v1.executing_eagerly_outside_functions():
        raise ValueError(
            "tbimage.compat.tf_summary cannot log within a graph of TensorFlow 1: log the values "
            "that session.run returns, outside the graph"
        )
    if tf.__internal__.get_enclosing_xla_context() is not None:
        raise ValueError(
            "tbimage.compat.tf_summary cannot log within a function that XLA compiles, as on a "
            "TPU: pass jit_compile=False, or return the values and log them outside the function"
        )


def _in_replica(tf: Any) -> bool:
    """Tell whether this code runs in a replica of a distribution strategy."""
    return tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()


def _is_first(tf: Any) -> bool:
    """Tell whether this is the first replica. As in TF2, only the first replica logs."""
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.get_static_value(tf.convert_to_tensor(number)) in (0, None)


def _surroundings(tf: Any) -> Surroundings | None:
    """Return the default writer, step and condition, or None if there is no default writer."""
    here = state.surroundings()
    if here.writer is not None:
        return here
    # A strategy runs replicas in its own threads, which have no default writer.
    return state.surroundings_of(threading.current_thread()) if _in_replica(tf) else None


def _within(here: Surroundings, function: Function, step: Any, arguments: Sequence[Any]) -> bool:
    """Call a function with another default writer, default step and condition."""

    def within() -> bool:
        defaults.default_writer.set_unseen(here.writer)
        defaults.default_step.set_unseen(here.step)
        defaults.condition.set_unseen(here.condition)
        return function(step, *arguments)

    return contextvars.copy_context().run(within)


def _add(tf: Any, function: Function, step: Any, arguments: Sequence[Any]) -> Any:
    """Add an operation to the graph. The operation calls a function with each execution."""
    traced = _surroundings(tf)
    if traced is None or (_in_replica(tf) and not _is_first(tf)):
        return tf.constant(False)
    _check_graph(tf)
    thread = threading.current_thread()
    fixed = state.set_in_graph.get()
    asked = _asked(traced.condition)
    given = [peer.as_input(value) for value in (step, traced.step, asked, *arguments)]
    places = [place for place, value in enumerate(given) if tf.is_tensor(value)]

    def execute(*tensors: Any) -> bool:
        values = given.copy()
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        step, default, asked, *arguments = values
        here = (state.surroundings_of(thread) or traced)._replace(**fixed)
        if here.step is traced.step:
            here = here._replace(step=default)
        if asked is not None and _value(here.condition) is _value(traced.condition):
            here = here._replace(condition=Condition(asked))
        return _within(here, function, step, arguments)

    return tf.py_function(execute, [given[place] for place in places], tf.bool)


def _add_made(
    tf: Any, record: Function, step: Any, tag: Any, make: Callable[[], Any], arguments: Any
) -> Any:
    """Add a ``tf.cond`` to the graph. Its true branch makes the data and logs the summary."""
    if _surroundings(tf) is None:
        state.note_never_logged(tag)
        return tf.constant(False)

    def should_record(step: Any, tag: Any) -> bool:
        return state.should_record(step, peer.as_text(tag))

    def record_anyway(step: Any, *arguments: Any) -> bool:
        with state.asked():
            return record(step, *arguments)

    def add() -> Any:
        made = peer.as_input(make())
        # If the data is not a tensor, make is called again with each execution.
        data = made if tf.is_tensor(made) else make
        return _add(tf, record_anyway, step, (tag, data, *arguments))

    wanted = _add(tf, should_record, step, (tag,))
    return tf.cond(wanted, add, lambda: tf.constant(False))


def _value(condition: defaults.Condition | None) -> Any:
    return condition.value if isinstance(condition, Condition) else condition


def _asked(condition: defaults.Condition | None) -> Any:
    """Return the value of a condition if it is a tensor of TensorFlow, else None."""
    if not isinstance(condition, Condition):
        return None
    value = _value(condition)
    if callable(value):
        try:
            value = value()
        except Exception:  # for example, int(variable) fails at tracing
            return None
    return value if peer.is_tensor(value) else None
