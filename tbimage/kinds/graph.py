"""Graphs of models, for TensorBoard's Graphs page.

Other packages make the ``GraphDef``: torch makes it from its own models, and torch or tensorboardX
makes it from ONNX files. If no such package is installed, the error names the packages to install.

The wire form is an Event with ``graph_def``. A torch model has a second Event with
``tagged_run_metadata``. The page takes the devices from this Event.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

# The tag that torch's FileWriter.add_graph gives to the RunMetadata.
RUN_TAG = "step1"

_TORCH_EXPORTER = "torch.utils.tensorboard._pytorch_graph"
# Both modules have the same code. The import of tensorboardX is a hundred times as fast.
_ONNX_EXPORTERS = ("tensorboardX.onnx_graph", "torch.utils.tensorboard._onnx_graph")


def export(model: object, inputs: object, strict_trace: bool) -> tuple[bytes, bytes | None]:
    """Return the serialized GraphDef of a model, and the RunMetadata of a torch model."""
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
        f"{type(model).__module__}.{type(model).__qualname__}; for a model of another framework, "
        "pass the GraphDef or the ONNX file that it exports"
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
        graph = _without_prints(exporter, "load_onnx_graph")(path)
        serialized: bytes = graph.SerializeToString()
        return serialized
    raise ImportError(
        "graph() of an ONNX file needs onnx, and the exporter of tensorboardX or of torch: pip "
        f"install onnx tensorboardX ({'; '.join(reasons)})"
    )


def _without_prints(exporter: types.ModuleType, function: str) -> Callable[..., Any]:
    """Return a copy of a module's function. The copy does not print to stdout."""
    names = {**vars(exporter), "print": lambda *_: None}
    for name, value in vars(exporter).items():
        if isinstance(value, types.FunctionType) and value.__module__ == exporter.__name__:
            names[name] = types.FunctionType(value.__code__, names, name, value.__defaults__)
    silent: Callable[..., Any] = names[function]
    return silent


def events(
    graph: bytes, run_metadata: bytes | None, wall_time: float, run_tag: str = RUN_TAG
) -> Sequence[bytes]:
    """Make an Event for the graph, and an Event for RunMetadata with the tag ``run_tag``."""
    from tbimage.events.messages import Event, TaggedRunMetadata

    made = [Event(wall_time=wall_time, graph_def=graph)]
    if run_metadata is not None:
        tagged = TaggedRunMetadata(tag=run_tag, run_metadata=run_metadata)
        made.append(Event(wall_time=wall_time, tagged_run_metadata=tagged))
    return [event.SerializeToString() for event in made]
