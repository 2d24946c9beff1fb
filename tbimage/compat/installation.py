"""Put an adapter in place of its peer, for frameworks that import the peer by its name."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

__all__ = ["install", "installed"]

# For each adapter: the name of its peer, and the modules of the peer that the adapter replaces.
_ADAPTERS = {
    "torch": ("torch.utils.tensorboard", ("writer", "summary")),
    "tensorboardx": ("tensorboardX", ("writer", "summary", "global_writer", "record_writer")),
}


def install(*faces: str) -> None:
    """Put adapters in place of their peers, for the rest of the program.

    Call this before the framework imports the peer. After that, ``from torch.utils.tensorboard
    import SummaryWriter`` and ``from tensorboardX import SummaryWriter`` import the writers of
    ``tbimage.compat``, in every module. Names that a module has already imported do not change. The
    peer does not have to be installed. If it is installed, its other modules (exporters of graphs)
    can still be imported.

    Args:
        faces: "torch" or "tensorboardx". Without an argument, both are installed.

    Raises:
        ValueError: ``faces`` contains an unknown name.

    Example:
        >>> from tbimage import compat
        >>> compat.install("tensorboardx")  # doctest: +SKIP
        >>> from tensorboardX import SummaryWriter  # doctest: +SKIP
    """
    for name in _chosen(faces):
        _put(name)


@contextlib.contextmanager
def installed(*faces: str) -> Iterator[None]:
    """Put adapters in place of their peers within a block, as ``install`` does.

    Args:
        faces: "torch" or "tensorboardx". Without an argument, both are installed.

    Raises:
        ValueError: ``faces`` contains an unknown name.

    Example:
        >>> import sys
        >>> from tbimage import compat
        >>> with compat.installed("tensorboardx"):
        ...     from tensorboardX import SummaryWriter
        >>> SummaryWriter.__module__
        'tbimage.compat.tensorboardx.writer'
    """
    names = _chosen(faces)
    before = {name: _loaded(name) for name in names}
    try:
        for name in names:
            _put(name)
        yield
    finally:
        for name in names:
            _remove(name)
            sys.modules.update(before[name])
            _set_on_parent(_ADAPTERS[name][0], before[name].get(_ADAPTERS[name][0]))


def _chosen(faces: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in faces if name not in _ADAPTERS]
    if unknown:
        known = ", ".join(map(repr, _ADAPTERS))
        raise ValueError(f"faces must be among {known}, got {unknown[0]!r}")
    return faces or tuple(_ADAPTERS)


def _loaded(name: str) -> dict[str, ModuleType]:
    """Return the modules in ``sys.modules`` under a peer's name, also if they are the adapter's."""
    peer = _ADAPTERS[name][0]
    return {
        each: module
        for each, module in sys.modules.items()
        if each == peer or each.startswith(f"{peer}.")
    }


def _remove(name: str) -> None:
    for each in _loaded(name):
        del sys.modules[each]


def _put(name: str) -> None:
    """Put modules with the peer's names and the adapter's content into ``sys.modules``."""
    peer, modules = _ADAPTERS[name]
    package = _stand_in(peer, f"tbimage.compat.{name}")
    package.__path__ = _path_of(peer)
    made = {peer: package}
    for each in modules:
        made[f"{peer}.{each}"] = _stand_in(f"{peer}.{each}", f"tbimage.compat.{name}.{each}")
        setattr(package, each, made[f"{peer}.{each}"])
    _remove(name)
    sys.modules.update(made)
    _set_on_parent(peer, package)


def _stand_in(name: str, original: str) -> ModuleType:
    """Make a module ``name`` with the public names of the adapter's module ``original``."""
    content = vars(importlib.import_module(original))
    module = ModuleType(name, content["__doc__"])
    vars(module).update({each: content[each] for each in content["__all__"]})
    vars(module)["__all__"] = list(content["__all__"])
    return module


def _path_of(peer: str) -> list[str]:
    """Return the peer's ``__path__``, for its other modules, without importing the peer."""
    try:
        found = importlib.util.find_spec(peer)  # for torch.utils.tensorboard, this imports torch
    except (ImportError, ValueError):
        # The peer is not installed, or the adapter (which has no spec) is already in its place.
        found = None
    if found is None or found.submodule_search_locations is None:
        return list(getattr(sys.modules.get(peer), "__path__", ()))
    return list(found.submodule_search_locations)


def _set_on_parent(peer: str, package: ModuleType | None) -> None:
    """Set or delete the attribute ``tensorboard`` of ``torch.utils``."""
    parent, _, attribute = peer.rpartition(".")
    if parent not in sys.modules:
        return
    if package is not None:
        setattr(sys.modules[parent], attribute, package)
    elif attribute in vars(sys.modules[parent]):
        delattr(sys.modules[parent], attribute)
