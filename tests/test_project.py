"""The rules of CONTRIBUTING.md that a test can check. ruff, mypy and import-linter check more."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tbimage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest itself needs it there

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tbimage"
MODULES = sorted(PACKAGE.rglob("*.py"))

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50
REQUIRED = {"numpy", "protobuf", "crc32c", "pillow"}
EXTRAS = {"fast", "cli", "remote", "view", "test", "dev"}

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_public(name: str) -> bool:
    return not name.startswith("_")


# Sizes.


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def test_the_package_was_found() -> None:
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_OF_A_FILE, f"{lines} lines: does the file hold two things?"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    functions = (node for node in ast.walk(parse(path)) if isinstance(node, FunctionNode))
    long = {node.name: lines_of_code(node) for node in functions}
    assert {name: lines for name, lines in long.items() if lines > LINES_OF_A_FUNCTION} == {}


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


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_states_its_purpose(path: Path) -> None:
    assert len(ast.get_docstring(parse(path)) or "") > 20


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_public_names_have_a_docstring(path: Path) -> None:
    assert list(without_docstring(path)) == []


# Docstrings of what users reach: arguments and an example.

#: Modules whose public names users import. A package of `compat` or `integrations` is one, too.
ENTRANCES = ("tbimage", "tbimage.visual", "tbimage.read", "tbimage.reading")
#: Packages of which every module or package is an entrance, except those that only these share.
PACKAGES_OF_ENTRANCES = ("tbimage.compat", "tbimage.integrations")
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
                    yield from importable(module.name)


def importable(name: str) -> Iterator[types.ModuleType]:
    """Import a module, unless it is made for a framework that is not installed."""
    try:
        yield importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tbimage"):
            raise


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


def test_users_reach_what_the_readme_shows() -> None:
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
def test_what_users_reach_documents_its_arguments(reached: Reached) -> None:
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
    """Tell whether users would want one: not of warnings, errors and what only they are given."""
    value = reached.value
    if inspect.isclass(value):
        given = hasattr(value, "__dataclass_fields__") or issubclass(value, (tuple, Exception))
        return not given and reached.name in {f"tbimage.{name}" for name in tbimage.__all__}
    return reached.owner is None


NEED_AN_EXAMPLE = [each for each in REACHED if needs_example(each)]


@pytest.mark.parametrize("reached", NEED_AN_EXAMPLE, ids=lambda each: each.name)
def test_what_users_reach_has_an_example(reached: Reached) -> None:
    assert has_example(reached) is (reached.name not in NO_EXAMPLE)


# Imports.


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_inner_modules_do_not_import_the_package_itself(path: Path) -> None:
    """With ``import tbimage`` they could reach any module at run time, unseen by import-linter."""
    if path.parent.name in ("compat", "cli") or path == PACKAGE / "__main__.py":
        return
    imports = (
        node for node in ast.walk(parse(path)) if isinstance(node, (ast.Import, ast.ImportFrom))
    )
    for node in imports:
        if isinstance(node, ast.Import):
            assert "tbimage" not in [name.name for name in node.names]
        elif node.module == "tbimage":
            modules = {name.stem for name in PACKAGE.iterdir()}
            assert {name.name for name in node.names} <= modules


def imported_modules(statement: str) -> set[str]:
    """Run a statement in a new interpreter; return the modules that it imports."""

    def modules(code: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == ""
        lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {line.rsplit("|", 1)[1].strip() for line in lines[1:]}

    return modules(statement) - modules("pass")


def test_importing_tbimage_imports_no_other_package() -> None:
    """Not even a dependency: a service that starts pays for nothing yet."""
    modules = imported_modules("import tbimage")
    assert "tbimage" in modules
    roots = {name.partition(".")[0] for name in modules}
    assert roots - set(sys.stdlib_module_names) == {"tbimage"}
    assert roots & {"numpy", "google", "PIL", "crc32c"} == set()


def test_imported_modules_finds_imports() -> None:
    assert {"numpy", "PIL.Image"} <= imported_modules("import numpy, PIL.Image")


# Metadata.


def project() -> dict[str, Any]:
    loaded = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = loaded["project"]
    return table


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert match is not None, requirement
    return match[0].lower()


def test_required_dependencies_are_four() -> None:
    assert {requirement_name(each) for each in project()["dependencies"]} == REQUIRED


@pytest.mark.parametrize("requirement", project()["dependencies"])
def test_a_required_dependency_has_a_lower_bound_and_no_upper_bound(requirement: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+>=[0-9.]+", requirement)


@pytest.mark.parametrize("requirement", project()["dependencies"])
def test_a_lower_bound_has_a_reason(requirement: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^ +"{re.escape(requirement)}", +# \w+.*$', text, re.MULTILINE)


def test_extras() -> None:
    assert set(project()["optional-dependencies"]) == EXTRAS


def test_the_licence_is_complete() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project()["license"].split(" AND ")[0] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
