"""The protobuf messages of event files: ``Event``, ``Summary``, ``TensorProto`` and the rest.

What lives here: the classes, built from the descriptor set that lies beside this file
(messages.binpb, made from proto/tbimage/*.proto by proto/regenerate.py, which also writes the types
into messages.pyi). What does not: the hot path, which writes Event and Summary.Value by hand and
never imports protobuf (wire.py).

Rules:
- A private ``DescriptorPool``. In the default one, a second definition of a message or a file is an
  error at import, and tensorflow, tensorboard, tensorboardX and torch all bring theirs.
- No generated code. Code of one protoc runs on two major versions of the runtime
  (https://protobuf.dev/support/cross-version-runtime-guarantee/); a descriptor set runs on all of
  them, 4.21 to 7 at the time of writing, with the C implementation and the pure Python one.
- The price: these classes are not those of TensorBoard (exchange bytes, ``SerializeToString``), and
  their messages cannot be pickled.
- One flat namespace, ``messages.Status`` and not ``messages.hparams.Status``. Enums are
  ``EnumTypeWrapper``: ``messages.DataType.DT_FLOAT``.

Example:
    >>> from tbimage.events import messages
    >>> event = messages.Event(wall_time=1.5, file_version="brain.Event:2")
    >>> messages.Event.FromString(event.SerializeToString()).file_version
    'brain.Event:2'
    >>> messages.DataType.Name(messages.DataType.DT_STRING)
    'DT_STRING'

"""

from __future__ import annotations

import pkgutil
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def _message_class(pool: Any, descriptor: Any) -> Any:
    """Make a message class: ``GetMessageClass`` came with 4.22, what it replaced left with 5."""
    factory: Any = message_factory  # what it has depends on the release
    if hasattr(factory, "GetMessageClass"):
        message_class = factory.GetMessageClass(descriptor)
    else:
        message_class = factory.MessageFactory(pool).GetPrototype(descriptor)
    message_class.__module__ = __name__  # of built classes it is None, which reads badly in errors
    for nested in descriptor.nested_types:  # generated code does this, the pure Python runtime not
        setattr(message_class, nested.name, _message_class(pool, nested))
    return message_class


def _build(serialized: bytes) -> dict[str, Any]:
    """Make every top-level message class and enum of a serialized FileDescriptorSet, by name."""
    pool = descriptor_pool.DescriptorPool()
    built: dict[str, Any] = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(serialized).file:
        pool.AddSerializedFile(file.SerializeToString())
        found = pool.FindFileByName(file.name)
        for name, descriptor in found.message_types_by_name.items():
            built[name] = _message_class(pool, descriptor)
        for name, enum in found.enum_types_by_name.items():
            built[name] = EnumTypeWrapper(enum)
    return built


# Through the package's loader, since it may have come out of a zip file; importlib.resources, which
# can do that too, takes 8 ms to import where this takes 1.
_classes = _build(pkgutil.get_data("tbimage.events", "messages.binpb") or b"")
__all__ = sorted(_classes)
globals().update(_classes)
