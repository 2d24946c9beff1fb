"""No integration ends a training or fails a request, whatever it is called with.

Errors of logging are counted, and the first of each class is reported.
"""

from __future__ import annotations

import asyncio
import logging
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage import Keep
from tbimage.integrations.asgi import TensorBoardMiddleware
from tbimage.integrations.logging import TensorBoardHandler
from tests.integrations.programs import require, run

HOSTILE = """
class Hostile:
    '''An object of which each use raises.'''
    def refuse(self, *_, **__):
        raise RuntimeError("hostile")
    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = refuse
    __index__ = __str__ = __repr__ = __array__ = __eq__ = __contains__ = __format__ = refuse
    __hash__ = object.__hash__
"""
_names: dict[str, Any] = {}
exec(HOSTILE, _names)
Hostile = _names["Hostile"]


# logging

RECORDS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("%d epochs", "three"), {}),
    (("%s %s", 1), {}),
    ((Hostile(),), {}),
    (("%s", Hostile()), {}),
    (("plain",), {"array": np.zeros((3, 3)), "loss": 0.5}),
    (("plain",), {"hostile": Hostile(), "loss": 0.5}),
    (("plain",), {"step": "three", "loss": 0.5}),
    (("plain",), {"step": 2**70, "loss": 0.5}),
    (("plain",), {"": 1.0, "\0": 1.0, "loss": float("nan"), "other": -float("inf")}),
    (("\ud800 is half a character",), {}),
]


@pytest.mark.parametrize(("arguments", "extra"), RECORDS)
def test_a_record_raises_nothing_and_later_ones_are_logged(
    tmp_path: Path, arguments: tuple[Any, ...], extra: dict[str, Any]
) -> None:
    logger = logging.Logger("training")  # noqa: LOG001  # pytest formats records of others, too
    handler = TensorBoardHandler(tmp_path)
    logger.addHandler(handler)
    logger.error(*arguments, extra=extra)
    try:
        raise ValueError("an exception whose text is logged")
    except ValueError:
        logger.exception("later", extra={"later": 1.0})
    handler.close()
    run = tbimage.read(tmp_path)["."]
    assert run.scalars("later").values.tolist() == [1.0]
    assert "an exception whose text is logged" in run.texts("log/ERROR")[-1].text
    if "loss" in extra and "step" not in extra:
        assert run.scalars("loss").values.size == 1


# ASGI

Messages = list[dict[str, Any]]
HTTP = {
    "type": "http",
    "method": "POST",
    "path": "/",
    "headers": [(b"content-type", b"image/png")],
}
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"image/png")],
}


def body(value: Any, kind: str = "http.response.body") -> dict[str, Any]:
    return {"type": kind, "body": value}


CONVERSATIONS: dict[str, tuple[dict[str, Any], Messages, Messages]] = {
    "no bytes in the request": (HTTP, [body(None, "http.request")], [START, body(b"x")]),
    "a text in the request": (HTTP, [body("text", "http.request")], [START, body(b"x")]),
    "an object in the request": (HTTP, [body(Hostile(), "http.request")], [START, body(b"x")]),
    "no bytes in the answer": (HTTP, [body(b"x", "http.request")], [START, body(None)]),
    "a memoryview": (HTTP, [body(b"x", "http.request")], [START, body(memoryview(b"x"))]),
    "headers of texts": (
        {**HTTP, "headers": [("content-type", "image/png")]},
        [body(b"x", "http.request")],
        [{**START, "headers": [("content-type", "image/png")]}, body(b"x")],
    ),
    "headers of nothing": ({**HTTP, "headers": None}, [], [{**START, "headers": None}, body(b"")]),
    "a disconnect": (HTTP, [{"type": "http.disconnect"}], []),
    "a file": (HTTP, [], [START, {"type": "http.response.pathsend", "path": "/x"}]),
    "HEAD": ({**HTTP, "method": "HEAD"}, [], [START, body(b"")]),
    "an error": (HTTP, [], [{**START, "status": 500}, body(b"")]),
    "unknown messages": (HTTP, [{"type": "x"}], [{"type": "http.response.x"}, START, body(b"")]),
    "a websocket": ({"type": "websocket"}, [{"type": "websocket.connect"}], [{"type": "x"}]),
    "another protocol": ({"type": "webtransport"}, [], []),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_passes_as_it_is(tmp_path: Path, name: str) -> None:
    scope, asked, answered = CONVERSATIONS[name]
    seen: Messages = []
    sent: Messages = []

    async def service(scope: Any, receive: Any, send: Any) -> None:
        for _ in asked:
            seen.append(await receive())
        for message in answered:
            await send(message)

    async def converse(app: TensorBoardMiddleware) -> None:
        waiting = iter(asked)

        async def receive() -> dict[str, Any]:
            return next(waiting)

        async def send(message: Any) -> None:
            sent.append(message)

        for _ in range(2):
            waiting = iter(asked)
            await app(scope, receive, send)

    app = TensorBoardMiddleware(service, tmp_path, keep=Keep(every=1))
    asyncio.run(converse(app))
    for one, other in ((seen, asked * 2), (sent, answered * 2)):
        assert list(map(id, one)) == list(map(id, other))


def test_requests_that_are_served_after_the_shutdown_are_answered(tmp_path: Path) -> None:
    """A server may send lifespan.shutdown while an answer is on its way."""
    sent: Messages = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def service(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send(START)
        await app({"type": "lifespan"}, receive, send)
        await send(body(b"x"))

    app = TensorBoardMiddleware(service, tmp_path, keep=Keep(every=1))
    asyncio.run(app(HTTP, lambda: asyncio.sleep(0, {}), send))
    assert [each["type"] for each in sent][-1] == "http.response.body"


# Frameworks: each method that they call, with objects of which each use raises.

CALLBACKS = {
    "keras": """
        from tbimage.integrations.keras import ImagesCallback, TensorBoard
        import keras
        for values in (hostile, None, 3, {"loss": None}, {"loss": hostile}, {"loss": {"a": 1}}, {
            "loss": float("nan"), "accuracy": float("inf"), 3: 1.0
        }):
            for model in (hostile, None, keras.Sequential([keras.Input((2,))])):
                callback = TensorBoard("runs", 1, True, True, True, 1, embeddings_freq=1)
                images = ImagesCallback(hostile, hostile.refuse, log_dir="images")
                for each in (callback, images):
                    each._model = model
                    each.on_train_begin(values)
                    each.on_epoch_begin(0, values)
                    each.on_train_batch_begin(0, values)
                    each.on_train_batch_end(0, values)
                    each.on_test_begin(values)
                    each.on_test_batch_begin(0, values)
                    each.on_test_batch_end(0, values)
                    each.on_test_end(values)
                    each.on_epoch_end(0, values)
                    each.on_train_end(values)
                    assert each.failures.count
        """,
    "lightning": """
        from tbimage.integrations.lightning import TBImageLogger
        from lightning.pytorch.utilities import rank_zero_only
        logger = TBImageLogger("runs", log_graph=True)
        for step in (3, 1, None, "x", hostile, 2**70):
            for values in (hostile, None, {"loss": hostile}, {"loss": float("nan")}, {"": 1.0}):
                logger.log_metrics(values, step)
                logger.log_hyperparams(values, values, step)
                logger.log_image("image", values, step)
                logger.log_graph(values)
        logger.save()
        logger.finalize("success")
        assert logger.failures.count
        rank_zero_only.rank = 1
        other = TBImageLogger("others")
        other.log_metrics({"loss": 1.0}, 0)
        other.experiment.add_scalar("loss", 1.0, 0)
        other.log_image("image", hostile, 0)
        other.finalize("success")
        assert other.failures.count == 0 and not os.path.exists("others")
        """,
    "accelerate": """
        from accelerate import PartialState
        from tbimage.integrations.accelerate import TBImageTracker
        import torch
        PartialState(cpu=True)
        tracker = TBImageTracker("runs")
        for step in (3, 1, None, "x", hostile, torch.tensor(5), 2**70):
            for values in (hostile, None, {"loss": hostile}, {"loss": torch.ones(2, 2)}, {
                "loss": torch.tensor(float("nan"), requires_grad=True), "good": 1.0
            }):
                tracker.store_init_configuration(values)
                tracker.log(values, step)
                tracker.log_images(values, step)
        tracker.finish()
        assert tracker.failures.count
        assert tbimage.read("runs")["."].scalars("good").values.size
        """,
    "optuna": """
        import optuna
        from tbimage.integrations.optuna import TensorBoardCallback
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        def objective(trial):
            trial.suggest_float("x", 1e-5, 1, log=True)
            trial.suggest_float("stepped", 0, 1, step=0.25)
            trial.suggest_int("n", 1, 64, log=True)
            trial.suggest_categorical("kind", [None, True, 3, 0.5, "text"])
            trial.report(float("nan"), 2**40)
            trial.report(1.0, 0)
            if trial.number % 4 == 0:
                raise optuna.TrialPruned
            if trial.number % 4 == 1:
                raise ValueError("a trial that fails")
            return float("nan") if trial.number % 4 == 2 else 1.0
        callback = TensorBoardCallback("runs", "loss")
        study = optuna.create_study()
        study.optimize(objective, n_trials=8, callbacks=[callback], catch=[ValueError])
        assert callback.failures.count == 0
        assert len(tbimage.read("runs")) == 8
        callback(study, hostile)
        callback(hostile, None)
        assert callback.failures.count == 2
        """,
    "transformers": """
        from tbimage.integrations.transformers import TBImageCallback
        for state in (hostile, None):
            callback = TBImageCallback("runs", hostile.refuse)
            callback.on_train_begin(hostile, state, hostile, model=hostile)
            callback.on_log(hostile, state, hostile, hostile)
            callback.on_log(hostile, state, hostile, {"loss": hostile})
            callback.on_evaluate(hostile, state, hostile)
            callback.on_train_end(hostile, state, hostile)
            assert callback.failures.count
        """,
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("framework", CALLBACKS)
def test_no_error_leaves_what_a_framework_calls(framework: str, tmp_path: Path) -> None:
    require(framework)
    first = HOSTILE + "\nimport os, tbimage, warnings\nhostile = Hostile()\n"
    run(
        first + "warnings.simplefilter('ignore')\n" + textwrap.dedent(CALLBACKS[framework]),
        cwd=tmp_path,
        KERAS_BACKEND="jax",
    )
