"""Docstrings of all modules, and full ones of public names: arguments and an example."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tbimage

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "tbimage").rglob("*.py"))
FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_public(name: str) -> bool:
    return not name.startswith("_")


# Docstrings of every module: one line is enough.


def is_declaration(node: ast.AST) -> bool:
    """Tell whether a function is an overload, a setter or an override, documented elsewhere."""
    decorators = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])}
    return any(re.search(r"\b(overload|setter|override)$", text) for text in decorators)


def without_docstring(path: Path) -> Iterator[str]:
    """Yield the public functions, classes and methods of a module that have no docstring."""
    classes = [node for node in parse(path).body if isinstance(node, ast.ClassDef)]
    documented = methods_of_protocols(classes)
    for owner in (None, *filter(lambda node: is_public(node.name), classes)):
        for node in (owner or parse(path)).body:
            if not isinstance(node, (*FunctionNode, ast.ClassDef)) or not is_public(node.name):
                continue
            if ast.get_docstring(node) is not None or is_declaration(node):
                continue
            if (owner, node.name) not in documented:
                yield f"{owner.name}.{node.name}" if owner else node.name


def methods_of_protocols(classes: list[ast.ClassDef]) -> set[tuple[ast.ClassDef | None, str]]:
    """Return the methods of classes that a Protocol in the same module documents for them."""
    methods = {
        node: {each.name for each in node.body if isinstance(each, FunctionNode)}
        for node in classes
    }
    protocols = [node for node in classes if "Protocol" in map(ast.unparse, node.bases)]
    return {
        (node, name)
        for node in classes
        for protocol in protocols
        if methods[node] >= methods[protocol]
        for name in methods[protocol]
        if node is not protocol
    }


def test_every_module_states_its_purpose() -> None:
    docstrings = {relative(path): ast.get_docstring(parse(path)) or "" for path in MODULES}
    assert [path for path, text in docstrings.items() if len(text) <= 20] == []


def test_public_names_have_a_docstring() -> None:
    silent = {relative(path): list(without_docstring(path)) for path in MODULES}
    assert {path: names for path, names in silent.items() if names} == {}


# Docstrings of what users reach: arguments and an example.

#: Modules whose public names users import. A package of `compat` or `integrations` is one, too.
ENTRANCES = ("tbimage", "tbimage.visual", "tbimage.read", "tbimage.reading")
#: Packages of which every module or package is an entrance, except those that only these share.
#: tests/integrations checks those of ``integrations``, each in a process of its own.
PACKAGES_OF_ENTRANCES = ("tbimage.compat",)
SHARED_BY_ENTRANCES = ("tbimage.compat.peers",)
#: Names without an example, each with the reason why it cannot have one.
NO_EXAMPLE: dict[str, str] = {}


class Reached(NamedTuple):
    """A class or function that users reach, or a public method of such a class."""

    name: str  # "tbimage.SummaryWriter.image"
    value: Any
    owner: type | None


def entrances() -> Iterator[types.ModuleType]:
    for name in ENTRANCES:
        if importlib.util.find_spec(name) is not None:
            yield importlib.import_module(name)
    for package in PACKAGES_OF_ENTRANCES:
        if importlib.util.find_spec(package) is not None:
            paths = importlib.import_module(package).__path__
            for module in pkgutil.iter_modules(paths, f"{package}."):
                if module.name not in SHARED_BY_ENTRANCES:
                    yield importlib.import_module(module.name)


def reached_from(module: types.ModuleType) -> Iterator[Reached]:
    own = (name for name, value in vars(module).items() if is_defined_in(module, name, value))
    for name in getattr(module, "__all__", own):
        value = getattr(module, name)
        qualified = f"{module.__name__}.{name}"
        if inspect.ismodule(value):
            yield from reached_from(value)
        elif inspect.isclass(value) or inspect.isfunction(value):
            yield Reached(qualified, value, None)
            if inspect.isclass(value):
                for method in public_methods(value):
                    yield Reached(f"{qualified}.{method.__name__}", method, value)


def is_defined_in(module: types.ModuleType, name: str, value: object) -> bool:
    return is_public(name) and getattr(value, "__module__", None) == module.__name__


def public_methods(value: type) -> Iterator[Callable[..., Any]]:
    """Yield the public methods and properties of a class that are tbimage's."""
    for name in filter(is_public, dir(value)):
        method = inspect.getattr_static(value, name)
        method = getattr(method, "__func__", getattr(method, "fget", method))
        if inspect.isfunction(method) and method.__module__.startswith("tbimage"):
            yield method


def first_of_each(reached: Iterator[Reached]) -> list[Reached]:
    """Leave out what is reached a second time."""
    return list({id(each.value): each for each in reversed(list(reached))}.values())[::-1]


REACHED = first_of_each(each for module in entrances() for each in reached_from(module))


def test_the_public_names_include_those_of_the_readme() -> None:
    names = {each.name for each in REACHED}
    assert {
        "tbimage.SummaryWriter",
        "tbimage.SummaryWriter.image",
        "tbimage.scalar",
        "tbimage.visual.boxes",
        "tbimage.compat.torch.SummaryWriter.add_scalar",
        "tbimage.compat.tf_summary.image",
    } <= names


def docstring(value: Any) -> str:
    return inspect.getdoc(value) or ""


@pytest.mark.parametrize("reached", REACHED, ids=lambda each: each.name)
def test_public_names_document_their_arguments(reached: Reached) -> None:
    """In full, except where a peer's documentation has it: its methods, under its names."""
    text = docstring(reached.value)
    assert text
    if inspect.isclass(reached.value) or reached.name.startswith("tbimage.compat."):
        return
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    arguments = [
        name
        for name, parameter in inspect.signature(reached.value).parameters.items()
        if name not in ("self", "cls") and parameter.kind not in variadic and is_public(name)
    ]
    assert [name for name in arguments if not re.search(rf"\b{name}\b", text)] == []


def has_example(reached: Reached) -> bool:
    """Tell whether a docstring has an example; that of a class may stand in one of its methods."""
    values = [reached.value]
    if inspect.isclass(reached.value):
        values += public_methods(reached.value)
    return any(">>> " in docstring(value) for value in values)


def needs_example(reached: Reached) -> bool:
    """Tell whether a name needs one; warnings, errors and classes of results do not."""
    value = reached.value
    if inspect.isclass(value):
        given = hasattr(value, "__dataclass_fields__") or issubclass(value, (tuple, Exception))
        return not given and reached.name in {f"tbimage.{name}" for name in tbimage.__all__}
    return reached.owner is None


NEED_AN_EXAMPLE = [each for each in REACHED if needs_example(each)]


@pytest.mark.parametrize("reached", NEED_AN_EXAMPLE, ids=lambda each: each.name)
def test_public_names_have_an_example(reached: Reached) -> None:
    assert has_example(reached) is (reached.name not in NO_EXAMPLE)
