"""Graphs of models, as TensorBoard's Graphs page shows them.

What lives here: telling what was handed in, and asking whoever can turn it into a ``GraphDef``. No
exporter is written here: torch has one for its models, torch and tensorboardX each one for ONNX
files. They are called when they are installed, and an error says what to install where they are
not.

The wire form is an Event with ``graph_def``, and for torch models a second one with
``tagged_run_metadata``, without which the page knows no devices.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

__all__ = ["events", "export"]

# The tag of a run's metadata, as torch's FileWriter.add_graph has it.
RUN_TAG = "step1"

_TORCH_EXPORTER = "torch.utils.tensorboard._pytorch_graph"
# tensorboardX's is the same code as torch's and is imported a hundred times faster.
_ONNX_EXPORTERS = ("tensorboardX.onnx_graph", "torch.utils.tensorboard._onnx_graph")


def export(model: object, inputs: object, strict_trace: bool) -> tuple[bytes, bytes | None]:
    """Turn a model into a graph.

    Args:
        model: A torch module, the path of an ONNX file, or a GraphDef message or its bytes.
        inputs: What a torch module is called with while it is traced.
        strict_trace: ``strict`` of ``torch.jit.trace``.

    Returns:
        A serialized GraphDef, and a serialized RunMetadata where there is one.

    Raises:
        TypeError: It is none of these.
        ImportError: What can export it is not installed; the message says what that is.
        OSError: The file cannot be read.
        Exception: Whatever the exporter raises.

    Example:
        >>> export(b"", None, True)
        (b'', None)
    """
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model), None
    if type(model).__name__ == "GraphDef" and hasattr(model, "SerializeToString"):
        return model.SerializeToString(), None
    if isinstance(model, (str, os.PathLike)):
        return _export_onnx(os.fspath(model)), None
    module_class = getattr(sys.modules.get("torch.nn"), "Module", ())
    script_class = getattr(sys.modules.get("torch.jit"), "ScriptFunction", ())
    if isinstance(model, (module_class, script_class)):
        return _export_torch(model, inputs, strict_trace)
    raise TypeError(
        "model must be a torch.nn.Module, the path of an ONNX file, or a GraphDef, got "
        f"{type(model).__module__}.{type(model).__qualname__}; of another framework's model pass "
        "the GraphDef or the ONNX file that it exports"
    )


def _export_torch(model: Any, inputs: object, strict_trace: bool) -> tuple[bytes, bytes]:
    try:
        exporter = import_module(_TORCH_EXPORTER)
    except ImportError as error:
        raise ImportError(
            "graph() of a torch model needs torch's own exporter, which needs the package "
            f"tensorboard: pip install tensorboard ({error})"
        ) from error
    graph, metadata = exporter.graph(model, inputs, False, strict_trace)
    return graph.SerializeToString(), metadata.SerializeToString()


def _export_onnx(path: str) -> bytes:
    reasons = []
    for name in _ONNX_EXPORTERS:
        try:
            import_module("onnx")
            exporter = import_module(name)
        except ImportError as error:
            reasons.append(f"{name}: {error}")
            continue
        graph = _in_silence(exporter, "load_onnx_graph")(path)
        serialized: bytes = graph.SerializeToString()
        return serialized
    raise ImportError(
        "graph() of an ONNX file needs onnx, and the exporter of tensorboardX or of torch: pip "
        f"install onnx tensorboardX ({'; '.join(reasons)})"
    )


def _in_silence(exporter: types.ModuleType, function: str) -> Callable[..., Any]:
    """Give a function of the exporters' module without their debugging prints on stdout.

    The module itself stays as it is: its functions are copied, with a ``print`` of their own.
    """
    names = {**vars(exporter), "print": lambda *_: None}
    for name, value in vars(exporter).items():
        if isinstance(value, types.FunctionType) and value.__module__ == exporter.__name__:
            names[name] = types.FunctionType(value.__code__, names, name, value.__defaults__)
    silent: Callable[..., Any] = names[function]
    return silent


def events(
    graph: bytes, run_metadata: bytes | None, wall_time: float, run_tag: str = RUN_TAG
) -> Sequence[bytes]:
    """Make the Events of a graph.

    Args:
        graph: A serialized GraphDef.
        run_metadata: A serialized RunMetadata, or None.
        wall_time: Seconds since the epoch.
        run_tag: What the page calls the run that the RunMetadata is of.

    Returns:
        One or two serialized Events.

    Example:
        >>> len(events(b"", b"", 0.0))
        2
    """
    from tbimage.events.messages import Event, TaggedRunMetadata

    made = [Event(wall_time=wall_time, graph_def=graph)]
    if run_metadata is not None:
        tagged = TaggedRunMetadata(tag=run_tag, run_metadata=run_metadata)
        made.append(Event(wall_time=wall_time, tagged_run_metadata=tagged))
    return [event.SerializeToString() for event in made]
