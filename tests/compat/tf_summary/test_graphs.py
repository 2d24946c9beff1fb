"""In graphs of TensorFlow, each execution logs the same as ``tf.summary``, or more."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import tbimage
from tbimage.compat.tf_summary import experimental
from tbimage.events.messages import Event, Summary
from tests import readers
from tests.compat.tf_summary.same import (
    CALLS,
    METADATA,
    error_of,
    ours,
    pixels_and_rest,
    records,
)


def steps(directory: Path) -> dict[str, list[int]]:
    """The steps of each tag, in the order of writing."""
    found: dict[str, list[int]] = {}
    for record in records(directory):
        event = Event.FromString(record)
        for value in event.summary.value:
            found.setdefault(value.tag, []).append(event.step)
    return found


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of scalars, as each of TensorBoard's loaders shows them; they agree."""
    shown = [
        {
            tag: [(point.step, cast(float, point.value)) for point in series.points]
            for tag, series in readers.read_runs(directory, loader)["."].items()
            if series.plugin == "scalars"
        }
        for loader in ("python", "data_server")
    ]
    assert shown[0] == shown[1]
    return shown[0]


@contextmanager
def writing(directory: Path, step: Any = None) -> Iterator[Any]:
    writer = ours.create_file_writer(directory)
    with writer.as_default(step):
        yield writer
    writer.close()


Loop = Callable[[Any, Any, Any], None]


def everything(tf: Any, summary: Any, writer: Any) -> None:
    """Each kind of summary, with steps that are given."""
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def function(x: Any, step: Any) -> Any:
        counter.assign_add(1)
        summary.scalar("scalar", x, step, "*why*")
        summary.scalar("after the counter", x, step=counter)
        counter.assign_add(1)
        summary.scalar("after it again", tf.cast(counter, tf.float32), step=counter)
        with tf.name_scope("scope"):
            summary.image("image", tf.zeros((4, 2, 3, 3)) + x / 10, step, max_outputs=2)
            with summary.experimental.summary_scope("inner") as (tag, _):
                summary.write(tag, lambda: x * 2, step=step, metadata=tf.constant(SERIALIZED))
        summary.text("text", tf.strings.as_string(tf.cast(x, tf.int32)), step)
        summary.text("table", ["a", tf.constant("b")], step)
        summary.histogram("histogram", [x, x + 1, 5.0], step, buckets=4)
        summary.audio("audio", tf.reshape([x, -x], (1, 2, 1)) / 10, 8000, step)
        summary.write("strings", tf.constant([b"\xff", b""]), step, METADATA)
        summary.experimental.write_raw_pb(tf.constant(RAW), step)
        for turn in tf.range(3):
            summary.scalar("loop", x, step=tf.cast(turn, tf.int64) + 3 * step)
        if x > 1:
            summary.scalar("branch", x, step)
        return x

    with writer.as_default():
        for number in range(4):
            function(tf.constant(float(number)), tf.constant(number, tf.int64))


SERIALIZED = METADATA.SerializeToString()
RAW = Summary(value=[Summary.Value(tag="raw", simple_value=2.0)]).SerializeToString()


def blocks_inside(tf: Any, summary: Any, writer: Any) -> None:
    """Writers, steps and conditions that are set in the function itself."""

    @tf.function
    def function(x: Any, step: Any) -> Any:
        with writer.as_default(step=step):
            summary.scalar("default step", x)
            with summary.record_if(tf.equal(step % 2, 0)):
                summary.scalar("even", x)
                summary.write("made if even", lambda: x * 2)
            with summary.record_if(lambda: step > 1):
                summary.scalar("from 2", x)
            with summary.record_if(False):
                summary.scalar("never", x)
            inner(x, step + 10)
        return x

    @tf.function
    def inner(x: Any, step: Any) -> Any:
        summary.scalar("inner", x, step)
        return x

    for number in range(4):
        function(tf.constant(float(number)), tf.constant(number, tf.int64))


def nested(tf: Any, summary: Any, writer: Any) -> None:
    """A function that is called from others, in a branch, and alone."""

    @tf.function
    def inner(x: Any, step: Any) -> Any:
        summary.scalar("inner", x, step)
        return x

    @tf.function
    def outer(x: Any, step: Any) -> Any:
        inner(x, step * 10)
        if x > 1:
            inner(x, step * 10 + 1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x, step * 10 + 2) ** 2
        return tape.gradient(y, x)

    with writer.as_default():
        for number in range(3):
            gradient = outer(tf.constant(float(number)), tf.constant(number, tf.int64))
            assert gradient == 2 * number
            inner(tf.constant(1.0), tf.constant(number * 10 + 3, tf.int64))


def data(tf: Any, summary: Any, writer: Any) -> None:
    """A dataset that logs its elements."""

    def logged(step: Any) -> Any:
        summary.scalar("element", tf.cast(step, tf.float32), step)
        summary.image("picture", tf.zeros((1, 2, 2, 1)), step)
        return step

    with writer.as_default():
        for _ in tf.data.Dataset.range(5).map(logged).prefetch(2):
            pass


@pytest.mark.parametrize("loop", [everything, blocks_inside, nested, data])
def test_functions_log_the_same_as_tensorflow(tf: Any, tmp_path: Path, loop: Loop) -> None:
    found = []
    for summary in (ours, tf.summary):
        directory = tmp_path / str(summary is ours)
        writer = summary.create_file_writer(str(directory))
        loop(tf, summary, writer)
        writer.close()
        found.append(records(directory))
    assert len(found[0]) == len(found[1]) > 0
    for our, their in zip(*found, strict=True):
        if b"images" in our:
            our_pixels, our = pixels_and_rest(our)
            their_pixels, their = pixels_and_rest(their)
            np.testing.assert_array_equal(our_pixels, their_pixels)
        assert our == their


#: Calls that TensorFlow cannot trace, and one whose numbers TensorFlow converts to float32.
NOT_IN_FUNCTIONS = {"write strings", "write arrays", "write float64s"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tbimage.StepWarning")
def test_every_call_in_a_function_is_that_of_tensorflow(tf: Any, tmp_path: Path) -> None:
    calls = {name: call for name, call in CALLS.items() if name not in NOT_IN_FUNCTIONS}
    found = []
    for summary in (ours, tf.summary):
        writer = summary.create_file_writer(str(tmp_path / str(summary is ours)))
        with writer.as_default():
            for call in calls.values():
                traced = tf.function(lambda: call(summary))  # noqa: B023
                assert traced()
                assert traced()
        writer.close()
        found.append(records(tmp_path / str(summary is ours)))
    assert len(found[0]) == len(found[1]) == 2 * len(calls)
    for name, our, their in zip([each for each in calls for _ in range(2)], *found, strict=True):
        assert our == their, name


def test_steps_data_and_conditions_are_read_with_each_execution(tf: Any, tmp_path: Path) -> None:
    variable = tf.Variable(0.0)
    array = np.zeros(())
    wanted = True

    @tf.function
    def function() -> None:
        ours.scalar("variable", variable)
        ours.scalar("array", array)
        ours.write("function", lambda: float(array))

    with writing(tmp_path), ours.record_if(lambda: wanted):
        for step in range(0, 50, 10):
            wanted = step != 20
            experimental.set_step(step)
            variable.assign_add(1.0)
            array[()] = -step
            function()
    expected = [(0, 1.0), (10, 2.0), (30, 4.0), (40, 5.0)]
    shown = scalars(tmp_path)
    assert shown["variable"] == expected
    assert shown["array"] == [(step, -float(step)) for step, _ in expected]
    assert steps(tmp_path)["function"] == [0, 10, 30, 40]


def test_each_execution_logs_with_the_writer_of_its_block(tf: Any, tmp_path: Path) -> None:
    @tf.function
    def function(x: Any) -> Any:
        return ours.scalar("a", x)

    train = ours.create_file_writer(tmp_path / "train")
    test = ours.create_file_writer(tmp_path / "test")
    for step in range(3):
        with train.as_default(step):
            assert function(tf.constant(1.0))
        with test.as_default(step):
            assert function(tf.constant(2.0))
    experimental.set_step(3)
    with train.as_default():
        assert function(tf.constant(3.0))
    experimental.set_step(None)
    train.close()
    test.close()
    assert steps(tmp_path / "train")["a"] == [0, 1, 2, 3]
    assert scalars(tmp_path / "test")["a"] == [(0, 2.0), (1, 2.0), (2, 2.0)]


def test_settings_in_a_function_hold_in_all_executions(tf: Any, tmp_path: Path) -> None:
    own = ours.create_file_writer(tmp_path / "own")

    @tf.function
    def function(x: Any, step: Any) -> None:
        with own.as_default(step=step), ours.record_if(True):
            ours.scalar("a", x)
        ours.scalar("b", x)

    with writing(tmp_path / "other", step=7):
        for step in range(3):
            with ours.record_if(step == 1):
                function(tf.constant(1.0), tf.constant(step))
    own.close()
    assert steps(tmp_path / "own") == {"a": [0, 1, 2]}
    assert steps(tmp_path / "other") == {"b": [7]}


def test_a_step_that_was_set_at_tracing_is_replaced_by_one_that_is_set_later(
    tf: Any, tmp_path: Path
) -> None:
    @tf.function
    def function(x: Any) -> None:
        experimental.set_step(5)
        ours.scalar("a", x)

    @tf.function
    def other(x: Any) -> None:
        ours.scalar("b", x)

    with writing(tmp_path):
        function(tf.constant(1.0))
        other(tf.constant(1.0))  # TensorFlow, too, leaves the step of the tracing behind
        experimental.set_step(8)
        other(tf.constant(1))
    assert steps(tmp_path) == {"a": [5], "b": [5, 8]}


CONDITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a function of a Variable": lambda tf, step: lambda: step % 2 == 0,
    "a function that needs numbers": lambda tf, step: lambda: int(step) % 2 == 0,
    "every_n_steps": lambda tf, step: tbimage.every_n_steps(2),
}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(tf: Any, tmp_path: Path, name: str, inside: bool) -> None:
    step = tf.Variable(-1, dtype=tf.int64)
    condition = CONDITIONS[name](tf, step)

    @tf.function
    def function(x: Any) -> Any:
        step.assign_add(1)
        if inside:
            with ours.record_if(condition):
                ours.scalar("a", x)
                return ours.should_record_summaries()
        ours.scalar("a", x)
        return ours.should_record_summaries()

    with writing(tmp_path, step), ours.record_if(True if inside else condition):
        answers = [bool(function(tf.constant(1.0))) for _ in range(5)]
    assert scalars(tmp_path)["a"] == [(0, 1.0), (2, 1.0), (4, 1.0)]
    assert answers == [True, False, True, False, True]


def test_a_variable_as_condition(tf: Any, tmp_path: Path) -> None:
    condition = tf.Variable(True)

    @tf.function
    def function(step: Any) -> None:
        ours.scalar("a", 1.0, step)

    with writing(tmp_path), ours.record_if(condition):
        for step in range(4):
            condition.assign(step in (1, 2))
            function(tf.constant(step))
    assert steps(tmp_path) == {"a": [1, 2]}


def test_data_is_made_only_in_executions_that_record(tf: Any, tmp_path: Path) -> None:
    made = tf.Variable(0)

    @tf.function
    def function(step: Any) -> Any:
        with ours.record_if(step % 2 == 0):
            return ours.write("a", lambda: made.assign_add(1), step=step)

    with writing(tmp_path):
        answers = [bool(function(tf.constant(step))) for step in range(4)]
    assert answers == [True, False, True, False]
    assert made.numpy() == 2


def test_flush_and_close_run_with_each_execution(tf: Any, tmp_path: Path) -> None:
    @tf.function
    def logged(x: Any, step: Any) -> Any:
        ours.image("a", x, step)
        ours.flush()
        return x

    @tf.function
    def closed() -> None:
        writer.close()

    with writing(tmp_path) as writer:
        for step in range(1, 4):
            logged(tf.zeros((1, 300, 300, 3)), tf.constant(step))
            assert len(records(tmp_path)) == step
        closed()
        with pytest.raises(RuntimeError, match="closed"):
            ours.scalar("a", 1.0, 5)


def test_without_a_writer_nothing_is_added_to_the_graph(tf: Any, tmp_path: Path) -> None:
    """The next default writer warns, once, that these summaries are never logged."""

    @tf.function
    def function(x: Any) -> Any:
        ours.scalar("a", x)
        ours.image("b", "no image", step=1)
        ours.write("c", lambda: 1 / 0, step=1)
        ours.flush()
        return ours.should_record_summaries()

    traced = function.get_concrete_function(tf.constant(1.0))
    assert "EagerPyFunc" not in {operation.type for operation in traced.graph.get_operations()}
    assert not function(tf.constant(1.0))
    with contextlib.ExitStack() as stack:
        with pytest.warns(UserWarning, match="'a', 'b', 'c' were traced while"):
            stack.enter_context(writing(tmp_path / "run"))
        assert not function(tf.constant(1.0))
    with writing(tmp_path / "again"):
        assert not function(tf.constant(1.0))
    assert records(tmp_path / "run") == records(tmp_path / "again") == []


def test_another_thread_may_call_the_function(tf: Any, tmp_path: Path) -> None:
    @tf.function
    def function(x: Any) -> Any:
        return ours.scalar("a", x)

    with writing(tmp_path / "first", step=1):
        function(tf.constant(1.0))

    def in_thread() -> None:
        with writing(tmp_path / "second", step=2):
            function(tf.constant(2.0))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert scalars(tmp_path / "first") == {"a": [(1, 1.0)]}
    assert scalars(tmp_path / "second") == {"a": [(2, 2.0)]}


def test_a_keras_model_logs_while_it_is_fitted(tf: Any, tmp_path: Path) -> None:
    keras = tf.keras

    class Model(keras.Model):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__(name="model")
            self.dense = keras.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            ours.image("inputs", tf.reshape(inputs, (-1, 1, 2, 1)))
            return self.dense(inputs)

        def train_step(self, data: Any) -> Any:
            metrics = super().train_step(data)
            ours.scalar("loss", metrics["loss"], step=self.optimizer.iterations)
            return metrics

    class Steps(keras.callbacks.Callback):  # type: ignore[name-defined]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            experimental.set_step(10 * batch)

    model = Model()
    model.compile("sgd", "mse", jit_compile=False)
    x, y = np.random.default_rng(0).random((16, 2)), np.ones((16, 1))
    with writing(tmp_path, step=0):
        history = model.fit(x, y, batch_size=4, verbose=0, callbacks=[Steps()])
        ours.scalar("loss after", history.history["loss"][0], step=model.optimizer.iterations)
    found = steps(tmp_path)
    (image_tag,) = (tag for tag in found if tag.endswith("/inputs"))
    assert image_tag.startswith("model")
    assert found[image_tag] == [0, 10, 20, 30]
    losses = scalars(tmp_path)["loss"]
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    assert losses[-1][1] == pytest.approx(history.history["loss"][0], rel=1e-4)
    assert found["loss after"] == [4]


MIRRORED = """
import sys
import tensorflow as tf
from tbimage.compat import tf_summary

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def log(kind, step):
    tf_summary.scalar(kind, 1.0, step=step)
    tf_summary.scalar(kind + " default", 1.0)

@tf.function
def function(step):
    strategy.run(log, args=("graph", step))

writer = tf_summary.create_file_writer(sys.argv[1])
with writer.as_default():
    for step in range(3):
        tf_summary.experimental.set_step(10 * step)
        function(tf.constant(step))
        strategy.run(log, args=("eager", tf.constant(step)))
writer.close()
"""


@pytest.mark.slow
def test_the_first_replica_of_a_strategy_logs(tf: Any, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", MIRRORED, str(tmp_path)], check=True, timeout=200)
    counted, default = [0, 1, 2], [0, 10, 20]
    assert steps(tmp_path) == {
        "graph": counted,
        "graph default": default,
        "eager": counted,
        "eager default": default,
    }


# Errors.


def test_steps_that_are_none_are_found_at_tracing(tf: Any, tmp_path: Path) -> None:
    @tf.function
    def function(x: Any, step: Any) -> Any:
        return ours.scalar("a", x, step)

    x = tf.constant(1.0)
    with writing(tmp_path):
        for step, expected in (
            (None, ValueError),
            (x, TypeError),
            ("1", TypeError),
            (tf.constant([1, 2]), ValueError),
        ):
            error = error_of(lambda: function(x, step))  # noqa: B023
            assert type(error) is expected, step
            assert "step must be" in str(error)
        with ours.record_if(False):
            assert not function(tf.constant(2), None)


def test_data_of_a_wrong_shape_is_found_at_tracing(tf: Any, tmp_path: Path) -> None:
    calls: dict[str, Callable[[Any], Any]] = {
        "scalar": lambda x: ours.scalar("a", x, 1),
        "image": lambda x: ours.image("a", x, 1),
        "audio": lambda x: ours.audio("a", x, 8000, 1),
    }
    with writing(tmp_path):
        for name, call in calls.items():
            with pytest.raises(ValueError, match=r"data must be .* got shape \(2, 2\)"):
                tf.function(call, autograph=name != "scalar")(tf.zeros((2, 2)))
            with pytest.raises(ValueError, match=r"data must be .* got shape \(2, 2\)"):
                tf.function(lambda: call(np.zeros((2, 2))))()  # noqa: B023


def test_errors_of_an_execution_are_raised_by_the_call(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec(None)])
    def function(x: Any) -> Any:
        return ours.image("a", x, 1)

    with writing(tmp_path):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"ValueError: data must be \[ba"):
            function(tf.zeros((2, 2)))
        assert function(tf.zeros((1, 2, 2, 1)))
    assert len(records(tmp_path)) == 1


def sentence(error: Exception | None) -> str:
    """The last line of an error, where AutoGraph puts the message."""
    return str(error).strip().splitlines()[-1]


def test_one_sentence_tells_that_tensorflow_cannot_call_python(tf: Any, tmp_path: Path) -> None:
    @tf.function(jit_compile=True)
    def compiled(x: Any) -> Any:
        ours.scalar("a", x, 1)
        return x

    @tf.function(jit_compile=True)
    def without_writer(x: Any) -> Any:
        ours.scalar("a", x, 1)
        return x

    assert without_writer(tf.constant(2.0)) == 2
    with contextlib.ExitStack() as stack, pytest.warns(UserWarning, match="'a' were traced"):
        stack.enter_context(writing(tmp_path / "other"))
    with writing(tmp_path / "run"):
        error = error_of(lambda: compiled(tf.constant(1.0)))
        assert isinstance(error, ValueError)
        assert "cannot log within a function that XLA compiles" in sentence(error)
        with tf.Graph().as_default():
            error = error_of(lambda: ours.scalar("a", tf.constant(1.0), 1))
            assert isinstance(error, ValueError)
            assert "cannot log within a graph of TensorFlow 1" in sentence(error)
            error = error_of(ours.flush)
            assert isinstance(error, ValueError)
    assert records(tmp_path / "run") == []
