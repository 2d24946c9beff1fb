"""The examples of the integrations, in docstrings and in docs/integrations.md, and the docstrings.

Each module and each example has a process of its own, without TensorFlow.
"""

from __future__ import annotations

import ast
import doctest
import re
import sys
from pathlib import Path

import pytest

from tests.integrations.programs import HEAVY, ROOT, run

ROOM = ROOT / "tbimage" / "integrations"
#: Modules that only the other modules of the folder use.
SHARED = {"failures", "frameworks", "hyperparameters"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOM.rglob("*.py"))
}
ENTRANCES = [name for name in MODULES if name.count(".") == 2 and name.split(".")[2] not in SHARED]
PAGE = ROOT / "docs" / "integrations.md"
LINES_OF_A_FILE, LINES_OF_AN_EXAMPLE = 250, 20

# Ends with the name of a package that is not installed.
GUARD = """
import sys

def without(kind, error, traceback):
    name = getattr(error, "name", None) or "tbimage"
    if isinstance(error, ModuleNotFoundError) and not name.startswith("tbimage"):
        print("not installed:", error.name)
        sys.stdout.flush()
        import os
        os._exit(0)
    sys.__excepthook__(kind, error, traceback)

sys.excepthook = without
"""
CHECKS = """
import doctest, importlib
module = importlib.import_module(sys.argv[1])
options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
assert doctest.testmod(module, optionflags=options).failed == 0
from tests import test_docstrings as rules
for each in rules.reached_from(module):
    print(each.name)
    assert rules.docstring(each.value)
    if each.owner is None:
        assert rules.has_example(each)
    name = each.name.rpartition(".")[2]
    # The framework documents what it calls.
    if not any(hasattr(base, name) for base in getattr(each.owner, "__bases__", ())):
        rules.test_public_names_document_their_arguments(each)
"""


def run_guarded(code: str, *arguments: str, cwd: Path) -> str:
    said = run(GUARD + code, *arguments, cwd=cwd, KERAS_BACKEND="jax")
    if said.startswith("not installed: "):
        pytest.skip(said.strip())
    return said


def files_of(name: str) -> list[Path]:
    """The file of a module, or those of all modules of a package."""
    path = MODULES[name]
    package = path.name == "__init__.py" and path.parent != ROOM
    return sorted(path.parent.glob("*.py")) if package else [path]


def imports_a_framework(name: str) -> bool:
    roots: set[str] = set()
    for file in files_of(name):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                roots.add(node.module.partition(".")[0])
    return bool(roots - set(sys.stdlib_module_names) - {"tbimage", "numpy", "PIL"})


def marked(names: list[str]) -> list[object]:
    """Those that import a framework take seconds."""
    return [pytest.param(name, marks=HEAVY if imports_a_framework(name) else ()) for name in names]


WITH_EXAMPLES = [name for name, path in MODULES.items() if ">>> " in path.read_text("utf-8")]


@pytest.mark.parametrize("name", marked(sorted({*WITH_EXAMPLES, *ENTRANCES})))
def test_a_module_is_documented_and_its_examples_run(name: str, tmp_path: Path) -> None:
    assert f"{name}." in run_guarded(CHECKS, name, cwd=tmp_path)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    parser = doctest.DocTestParser()
    tree = ast.parse(MODULES[name].read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            examples = parser.get_examples(ast.get_docstring(node) or "")
            lines = sum(example.source.count("\n") for example in examples)
            assert lines <= LINES_OF_AN_EXAMPLE, node.name


def test_files_are_short() -> None:
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > LINES_OF_A_FILE} == {}


# docs/integrations.md.

SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S))
EXAMPLES = {
    title: code
    for title, text in SECTIONS.items()
    for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
}


@pytest.mark.parametrize("title", [pytest.param(title, marks=HEAVY) for title in EXAMPLES])
def test_the_example_of_a_section_runs(title: str, tmp_path: Path) -> None:
    run_guarded(EXAMPLES[title], cwd=tmp_path)
    if "TensorBoardMiddleware" not in EXAMPLES[title]:  # which opens its run when it serves
        assert list(tmp_path.rglob("*tfevents*"))


def test_every_section_has_one_short_example() -> None:
    assert set(EXAMPLES) == set(SECTIONS)
    lengths = {title: len(code.splitlines()) for title, code in EXAMPLES.items()}
    assert {title: count for title, count in lengths.items() if count > LINES_OF_AN_EXAMPLE} == {}


def test_a_page_names_every_integration_and_the_readme_those_of_this_page() -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGE.parent.glob("*.md"))
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in ENTRANCES if name not in pages] == []
    of_this_page = [name for name in ENTRANCES if name in PAGE.read_text("utf-8")]
    assert len(of_this_page) >= 9
    assert [name for name in of_this_page if name not in readme] == []


# What is not installed.


def test_a_framework_that_is_missing_or_too_old_is_named_in_one_sentence(tmp_path: Path) -> None:
    code = """
from tbimage.integrations.frameworks import needs

try:
    import tbimage.integrations.keras
except ModuleNotFoundError as error:
    print(error)
try:
    with needs("numpy", "99.5"):
        import numpy
except ImportError as error:
    print(error)
try:
    with needs("tbimage_broken", "1.0"):
        import tbimage_broken
except ModuleNotFoundError as error:
    print(error)
"""
    (tmp_path / "tbimage_broken.py").write_text("import tbimage_part")
    missing, old, broken = run(code, hide=("keras",), cwd=tmp_path).splitlines()
    assert re.fullmatch(
        r"this integration needs keras, which is not installed: pip install 'keras>=3.6'", missing
    )
    assert re.fullmatch(
        r"this integration needs numpy 99\.5 or newer, and [\d.]+ is installed: "
        r"pip install 'numpy>=99\.5'",
        old,
    )
    assert broken == "No module named 'tbimage_part'"


def test_the_extra_allows_no_version_that_is_too_old() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    allowed = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', text))
    bounds = [
        bound
        for name in ENTRANCES
        for file in files_of(name)
        for bound in re.findall(r'with needs\("([\w-]+)", "([\d.]+)"\)', file.read_text("utf-8"))
    ]
    assert len(bounds) >= 5
    assert [(name, oldest) for name, oldest in bounds if allowed[name] != oldest] == []


def test_importing_the_room_imports_no_framework(tmp_path: Path) -> None:
    light = [name for name in MODULES if not imports_a_framework(name)]
    assert len(light) >= 10
    code = f"import {', '.join(light)}, sys; print(*sys.modules)"
    imported = {name.partition(".")[0] for name in run(code, hide=(), cwd=tmp_path).split()}
    assert imported & {"keras", "torch", "tensorflow", "jax", "clu", "flax", "starlette"} == set()
