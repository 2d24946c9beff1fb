"""The protobuf messages of event files: ``Event``, ``Summary``, ``TensorProto`` and others.

The classes are built from messages.binpb. The program proto/regenerate.py makes messages.binpb and
messages.pyi (the types) from proto/tbimage/*.proto. The hot path does not import protobuf: wire.py
encodes Event and Summary.Value.

- The ``DescriptorPool`` is private. tensorflow, tensorboard, tensorboardX and torch all define
  these messages in the default pool. A second definition of a message or file in one pool is an
  error at import.
- There is no generated code, because generated code runs only on two major versions of the runtime
  (https://protobuf.dev/support/cross-version-runtime-guarantee/). A descriptor set works with all
  versions (today 4.21 to 7), in the C implementation and in the pure Python implementation.
- These classes are not the classes of TensorBoard. Pass the bytes of a message
  (``SerializeToString``) to TensorBoard's code. The messages cannot be pickled.
- All names are on one level: ``messages.Status``, not ``messages.hparams.Status``. Each enum
  is an ``EnumTypeWrapper``: ``messages.DataType.DT_FLOAT``.

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
    """Make a message class; the function for this depends on the version of protobuf."""
    # protobuf 4.22 added ``GetMessageClass``. protobuf 5 removed ``GetPrototype``.
    factory: Any = message_factory
    if hasattr(factory, "GetMessageClass"):
        message_class = factory.GetMessageClass(descriptor)
    else:
        message_class = factory.MessageFactory(pool).GetPrototype(descriptor)
    message_class.__module__ = __name__  # otherwise error messages show None as the module
    for nested in descriptor.nested_types:  # the pure Python runtime does not set these
        setattr(message_class, nested.name, _message_class(pool, nested))
    return message_class


def _build(serialized: bytes) -> dict[str, Any]:
    """Map names to the top-level classes and enums of a serialized FileDescriptorSet."""
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


# pkgutil reads from zip files, too, and takes 1 ms to import; importlib.resources takes 8 ms.
_classes = _build(pkgutil.get_data("tbimage.events", "messages.binpb") or b"")
__all__ = sorted(_classes)
globals().update(_classes)
