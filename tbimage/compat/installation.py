"""A face in place of its peer, for frameworks that import the peer by its name."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

__all__ = ["install", "installed"]

# By the name of a face: the package in whose place it is put, and the modules of that package which
# the face has, too.
_FACES = {
    "torch": ("torch.utils.tensorboard", ("writer", "summary")),
    "tensorboardx": ("tensorboardX", ("writer", "summary", "global_writer", "record_writer")),
}


def install(*faces: str) -> None:
    """Put faces in place of their peers, for the rest of the program.

    Call it before the framework imports its writer. From then on ``from torch.utils.tensorboard
    import SummaryWriter`` and ``from tensorboardX import SummaryWriter``, by whoever, give those of
    ``tbimage.compat``. A name that another module has imported before stays what it is. The peer
    need not be installed; the other modules of one that is (exporters of graphs) stay importable.

    Args:
        faces: "torch", "tensorboardx"; none: both.

    Raises:
        ValueError: There is no face of such a name.

    Example:
        >>> from tbimage import compat
        >>> compat.install("tensorboardx")  # doctest: +SKIP
        >>> from tensorboardX import SummaryWriter  # doctest: +SKIP
    """
    for name in _chosen(faces):
        _put(name)


@contextlib.contextmanager
def installed(*faces: str) -> Iterator[None]:
    """Put faces in place of their peers within a block, as ``install`` does.

    Args:
        faces: "torch", "tensorboardx"; none: both.

    Raises:
        ValueError: There is no face of such a name.

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
            _set_on_parent(_FACES[name][0], before[name].get(_FACES[name][0]))


def _chosen(faces: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in faces if name not in _FACES]
    if unknown:
        raise ValueError(f"faces must be among {', '.join(map(repr, _FACES))}, got {unknown[0]!r}")
    return faces or tuple(_FACES)


def _loaded(name: str) -> dict[str, ModuleType]:
    """Return the modules of a peer that are loaded, stand-ins included."""
    peer = _FACES[name][0]
    return {
        each: module
        for each, module in sys.modules.items()
        if each == peer or each.startswith(f"{peer}.")
    }


def _remove(name: str) -> None:
    for each in _loaded(name):
        del sys.modules[each]


def _put(name: str) -> None:
    """Make modules of the peer's names that have the face's names, and let Python find them."""
    peer, modules = _FACES[name]
    package = _stand_in(peer, f"tbimage.compat.{name}")
    package.__path__ = _path_of(peer)
    made = {peer: package}
    for each in modules:
        made[f"{peer}.{each}"] = _stand_in(f"{peer}.{each}", f"tbimage.compat.{name}.{each}")
        setattr(package, each, made[f"{peer}.{each}"])
    _remove(name)
    sys.modules.update(made)
    _set_on_parent(peer, package)


def _stand_in(name: str, face: str) -> ModuleType:
    """Make a module that has the public names of a face's module."""
    of_face = vars(importlib.import_module(face))
    module = ModuleType(name, of_face["__doc__"])
    vars(module).update({each: of_face[each] for each in of_face["__all__"]})
    vars(module)["__all__"] = list(of_face["__all__"])
    return module


def _path_of(peer: str) -> list[str]:
    """Tell where the peer's other modules are, without importing it."""
    try:
        found = importlib.util.find_spec(peer)  # imports torch, of torch.utils.tensorboard
    except (ImportError, ValueError):  # not installed; a stand-in has no spec
        found = None
    if found is None or found.submodule_search_locations is None:
        return list(getattr(sys.modules.get(peer), "__path__", ()))
    return list(found.submodule_search_locations)


def _set_on_parent(peer: str, package: ModuleType | None) -> None:
    """Let ``torch.utils.tensorboard`` be found as an attribute, too."""
    parent, _, attribute = peer.rpartition(".")
    if parent not in sys.modules:
        return
    if package is not None:
        setattr(sys.modules[parent], attribute, package)
    elif attribute in vars(sys.modules[parent]):
        delattr(sys.modules[parent], attribute)
