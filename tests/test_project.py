"""The rules of the house, as far as a machine can hold them. CONTRIBUTING.md states them.

What lives here: rules about the source text and the project's metadata. What does not: the arrows
between the rooms, which import-linter holds (pyproject.toml), and what ruff and mypy hold.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
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

#: What is public and cannot have a runnable example, each with the reason. Keep it short.
NO_EXAMPLE: dict[str, str] = {}

#: Users do not call these, so one line describes each of their functions.
INNER = ("tbimage/cli/", "tbimage/checks.py", "tbimage/kinds/", "tbimage/events/")

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


class Definition(NamedTuple):
    """A public function, class or method."""

    name: str  # "tbimage/events/records.py: RecordDecoder.feed"
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    owner: ast.ClassDef | None


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_public(name: str) -> bool:
    return not name.startswith("_")


def is_declaration(node: ast.AST) -> bool:
    """Whether a function only declares or passes on: an overload, a setter, an override."""
    decorators = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])}
    return any(re.search(r"\b(overload|setter|override)$", text) for text in decorators)


def definitions(path: Path) -> Iterator[Definition]:
    """Yield what a module defines for others, methods of its public classes included."""
    if any(
        part.startswith("_") and part != "__init__.py" for part in path.parts[len(ROOT.parts) :]
    ):
        return
    for node in parse(path).body:
        if not isinstance(node, (*FunctionNode, ast.ClassDef)) or not is_public(node.name):
            continue
        if is_declaration(node):
            continue
        yield Definition(f"{relative(path)}: {node.name}", node, None)
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if not isinstance(method, FunctionNode) or not is_public(method.name):
                    continue
                if not is_declaration(method):
                    name = f"{relative(path)}: {node.name}.{method.name}"
                    yield Definition(name, method, node)


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function, its docstring left out."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def project() -> dict[str, Any]:
    loaded = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = loaded["project"]
    return table


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert match is not None, requirement
    return match[0].lower()


def test_there_is_a_package_to_look_at() -> None:
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_file_holds_one_thing(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_OF_A_FILE, f"{lines} lines: what are the two things in it?"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_file_opens_by_saying_what_lives_in_it(path: Path) -> None:
    assert len(ast.get_docstring(parse(path)) or "") > 20


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    functions = (node for node in ast.walk(parse(path)) if isinstance(node, FunctionNode))
    long = {node.name: lines_of_code(node) for node in functions}
    assert {name: lines for name, lines in long.items() if lines > LINES_OF_A_FUNCTION} == {}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_whatever_is_public_has_a_docstring(path: Path) -> None:
    silent = [each for each in definitions(path) if ast.get_docstring(each.node) is None]
    told = interfaces(path)
    assert [each.name for each in silent if (each.owner, each.node.name) not in told] == []


def interfaces(path: Path) -> set[tuple[ast.ClassDef | None, str]]:
    """Give classes with the methods that a Protocol beside them has documented for them."""
    classes = [node for node in parse(path).body if isinstance(node, ast.ClassDef)]
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


def needs_example(definition: Definition) -> bool:
    """Whether a reader would want one: of every function, and of a class that users meet."""
    if definition.owner is not None or definition.name.startswith(INNER):
        return False  # a method's may stand in its class; the help of a command is tested
    if isinstance(definition.node, FunctionNode):
        return True
    marks = " ".join(map(ast.unparse, [*definition.node.bases, *definition.node.decorator_list]))
    return definition.node.name in tbimage.__all__ and not re.search(r"Warning|dataclass", marks)


def shows_example(definition: Definition) -> bool:
    """Whether a function's docstring has an example, or that of a class or one of its methods."""
    nodes = [definition.node]
    if isinstance(definition.node, ast.ClassDef):
        nodes += [node for node in definition.node.body if isinstance(node, FunctionNode)]
    return any(">>> " in (ast.get_docstring(node) or "") for node in nodes)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_public_functions_and_classes_have_an_example(path: Path) -> None:
    wanting = (each for each in definitions(path) if needs_example(each))
    bare = [each.name for each in wanting if not shows_example(each)]
    assert [name for name in bare if name not in NO_EXAMPLE] == []


def test_exceptions_to_the_rule_of_examples_are_still_needed() -> None:
    known = {each.name: each for path in MODULES for each in definitions(path)}
    assert [name for name in NO_EXAMPLE if name not in known or shows_example(known[name])] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_rooms_do_not_come_in_by_the_front_door(path: Path) -> None:
    """``import tbimage`` in a room could reach any other at run time, unseen by import-linter."""
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
    """Import in a new interpreter, and give the modules that the bare one does not take."""

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


def test_importing_tbimage_imports_nothing_else() -> None:
    """Neither a dependency nor any other package: who starts a service pays for nothing yet."""
    modules = imported_modules("import tbimage")
    assert "tbimage" in modules
    roots = {name.partition(".")[0] for name in modules}
    assert roots - set(sys.stdlib_module_names) == {"tbimage"}
    assert roots & {"numpy", "google", "PIL", "crc32c"} == set()


def test_what_measures_imports_sees_them() -> None:
    assert {"numpy", "PIL.Image"} <= imported_modules("import numpy, PIL.Image")


def test_required_dependencies_are_four() -> None:
    assert {requirement_name(each) for each in project()["dependencies"]} == REQUIRED


@pytest.mark.parametrize("requirement", project()["dependencies"])
def test_a_required_dependency_has_a_lower_bound_and_no_cap(requirement: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+>=[0-9.]+", requirement)


@pytest.mark.parametrize("requirement", project()["dependencies"])
def test_a_lower_bound_says_why(requirement: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^ +"{re.escape(requirement)}", +# \w+.*$', text, re.MULTILINE)


def test_extras() -> None:
    assert set(project()["optional-dependencies"]) == EXTRAS


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project()["license"].split(" AND ")[0] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def readme_command(name: str) -> str:
    """Get a command of README.md the way .ci/run gets it."""
    script = ROOT / ".ci" / "readme_command.py"
    done = subprocess.run(
        [sys.executable, script, name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_command_of_the_readme_installs_and_shows_the_demo() -> None:
    command = readme_command("demo")
    assert "pip install" in command
    assert "tbimage demo" in command


def test_the_second_command_of_the_readme_installs_and_runs_the_tests() -> None:
    command = readme_command("tests")
    assert "pip install" in command
    assert "[test]" in command
    assert "pytest" in command


def test_the_readme_gives_these_commands_first() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert blocks[:2] == [readme_command("demo"), readme_command("tests")]


def test_ci_runs_the_commands_of_the_readme_and_no_copy_of_them() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lines = {line.strip() for line in script.splitlines()}
    for name in ("demo", "tests"):
        assert f"readme_command.py {name})" in script
        assert lines.isdisjoint(readme_command(name).splitlines())


def test_a_command_that_the_readme_lacks_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no command marked"):
        readme_command("nothing")


@pytest.mark.parametrize("required", ["1", "0"])
@pytest.mark.parametrize("where", ["module", "test"])
def test_a_skip_fails_where_peers_are_required(tmp_path: Path, where: str, required: str) -> None:
    skip = "import pytest\npytest.importorskip('no_such_peer')\n"
    if where == "test":
        skip = "def test_it():\n    import pytest\n    pytest.importorskip('no_such_peer')\n"
    (tmp_path / "test_skips.py").write_text(skip, encoding="utf-8")
    (tmp_path / "conftest.py").write_bytes((ROOT / "conftest.py").read_bytes())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=tmp_path,
        env={**os.environ, "TBIMAGE_REQUIRE_PEERS": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no_such_peer" in done.stdout or required == "0"
    assert (done.returncode in (0, 5)) == (required == "0"), done.stdout
