"""The rules of CONTRIBUTING.md that a test can check. ruff, mypy and import-linter check more."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
EXTRAS = {"fast", "cli", "s3", "gs", "az", "view", "docs", "test"}
EXTRAS |= {"stores", "peers", "integrations", "clusters", "dev"}

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


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


def test_files_are_short() -> None:
    """A longer file may hold two things."""
    lines = {relative(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    lines = {
        f"{relative(path)}: {node.name}": lines_of_code(node)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, FunctionNode)
    }
    assert {name: count for name, count in lines.items() if count > LINES_OF_A_FUNCTION} == {}


# The plan in docs/design.md, and the table in docs/kinds.md.


def planned() -> set[str]:
    """Return the paths that the plan of docs/design.md names; folders end with a slash."""
    plan = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("\n## ")[1]
    paths, parents = set(), {0: ""}
    for indent, name in re.findall(r"^    ( *)([\w./]+)(?:  .*)?$", plan, re.MULTILINE):
        path = parents[len(indent)] + name
        parents[len(indent) + 2] = path
        paths.add(path)
    return paths


PLANNED = planned()


def is_planned(path: str) -> bool:
    """Tell whether the plan names a file, or its folder and no single file or folder in it."""
    folder = path.rpartition("/")[0] + "/"
    if path.endswith("/__init__.py"):
        return folder in PLANNED
    in_folder = [each for each in PLANNED if each.startswith(folder) and each != folder]
    return path in PLANNED or (folder in PLANNED and not in_folder)


def test_every_module_has_its_place_in_the_plan() -> None:
    """If not, name it in docs/design.md, The folders of the repository, or move it."""
    assert [relative(path) for path in MODULES if not is_planned(relative(path))] == []


def test_files_of_the_plan_exist() -> None:
    folders = {path for path in PLANNED if path.endswith("/")}
    assert [path for path in folders if not (ROOT / path).is_dir()] == []
    assert [path for path in PLANNED - folders if not (ROOT / path).is_file()] == []


def test_a_module_outside_the_plan_is_noticed() -> None:
    for path in ("more.py", "pixels/more.py", "pixels/more/__init__.py", "more/__init__.py"):
        assert not is_planned(f"tbimage/{path}")
    assert is_planned("tbimage/kinds/more.py")


def rows_of_kinds() -> dict[str, bool]:
    """Return the methods of the table in docs/kinds.md, and which of them have a dagger."""
    text = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+)([^|]*)\|.*`writer\.(\w+)\(", text, re.MULTILINE)
    assert [name for name, _, called in rows if name != called] == []
    return {name: "†" in marks for name, marks, _ in rows}


def test_every_method_has_its_row_in_kinds() -> None:
    names = {
        name
        for name, method in vars(tbimage.SummaryWriter).items()
        if inspect.isfunction(method) and ".methods." in method.__module__
    }
    assert "image" in names
    assert set(rows_of_kinds()) == names


def test_kinds_marks_the_functions_on_the_default_writer() -> None:
    functions = set(tbimage.__all__) - {"write"} | {"tensor"}  # write logs what tensor does
    assert {name for name, has_dagger in rows_of_kinds().items() if has_dagger} == {
        name for name in rows_of_kinds() if name in functions
    }


# Pointers in docstrings and comments.

SOURCES = sorted(
    path
    for folder in ("tbimage", "tests", "benchmarks", "examples", "proto", ".ci", "docs")
    for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
) + sorted([*ROOT.glob("*.py"), *ROOT.glob("*.md")])
OWN_FOLDERS = {path.name for path in [*ROOT.iterdir(), *PACKAGE.rglob("*")] if path.is_dir()}


def prose(path: Path) -> str:
    """Return the docstrings and comments of a module, or the text of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    documented = (ast.Module, ast.ClassDef, *FunctionNode)
    nodes = (node for node in ast.walk(parse(path)) if isinstance(node, documented))
    tokens = tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__)
    return "\n".join(
        [
            *(ast.get_docstring(node) or "" for node in nodes),
            *(token.string for token in tokens if token.type == tokenize.COMMENT),
        ]
    )


def dead_pointers(path: Path, text: str) -> list[str]:
    """Return the names of .py and .md files in a text that do not exist.

    A name is looked for beside the file that has the text, and in the folders above. In a page,
    a name without a folder may be that of any file. ``tensorboard/program.py`` and other files of
    peers are named with their package.
    """
    pointers = re.findall(r"(?<![\w./:*{}-])((?:[\w.-]+/)*[\w-]+\.(?:py|md))\b", text)
    above = [folder for folder in path.parents if folder == ROOT or ROOT in folder.parents]
    folders = [*above, PACKAGE, ROOT / "tests", ROOT / "docs"]
    dead = []
    for pointer in set(pointers):
        first, _, rest = pointer.partition("/")
        of_peer = rest and first not in OWN_FOLDERS
        anywhere = path.suffix == ".md" and not rest and any(ROOT.glob(f"*/**/{pointer}"))
        if not (of_peer or anywhere or any((folder / pointer).exists() for folder in folders)):
            dead.append(pointer)
    return sorted(dead)


def test_pointers_lead_to_files() -> None:
    dead = {relative(path): dead_pointers(path, prose(path)) for path in SOURCES}
    assert {path: pointers for path, pointers in dead.items() if pointers} == {}


def test_a_dead_pointer_is_noticed() -> None:
    here = PACKAGE / "pixels" / "values" / "levels.py"
    text = "``ranges.py``, ``drawing.py``, ``pixels/levels.py``, tensorboard/program.py, summary.py"
    assert dead_pointers(here, text) == ["drawing.py", "pixels/levels.py"]


# Imports.


#: Modules that import a package around them: the command uses what users use, and the default
#: writer is of a type.
IMPORT_THEIR_PACKAGE = {
    "tbimage/__main__.py",
    "tbimage/cli/__init__.py",
    "tbimage/cli/demo.py",
    "tbimage/cli/doctor.py",
    "tbimage/cli/log.py",
    "tbimage/writer/defaults.py",
}


def imports_from_packages_around(path: Path) -> Iterator[str]:
    """Yield the names that a module imports from the ``__init__`` of a package that contains it.

    Such an import is a circle, also under TYPE_CHECKING, and import-linter does not see it.
    """
    around = [folder for folder in path.parents if folder == PACKAGE or PACKAGE in folder.parents]
    if path.name == "__init__.py":
        around = around[1:]
    folders = {relative(folder).replace("/", "."): folder for folder in around}
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in folders)
        elif isinstance(node, ast.ImportFrom) and node.module in folders:
            modules = {each.stem for each in folders[node.module].iterdir()}
            yield from (name.name for name in node.names if name.name not in modules)


def test_no_module_imports_the_packages_around_it() -> None:
    imports = {relative(path): list(imports_from_packages_around(path)) for path in MODULES}
    assert {path for path, names in imports.items() if names} <= IMPORT_THEIR_PACKAGE


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


def test_all_copies_of_the_version_are_equal() -> None:
    for file, pattern in {
        "CITATION.cff": r"^version: (.+)$",
        "packaging/conda-forge/recipe.yaml": r'^  version: "(.+)"$',
    }.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.findall(pattern, text, re.MULTILINE) == [tbimage.__version__], file


def test_the_recipe_for_conda_has_the_dependencies() -> None:
    text = (ROOT / "packaging/conda-forge/recipe.yaml").read_text(encoding="utf-8")
    run = text[text.index("\n  run:") : text.index("\ntests:")]
    listed = re.findall(r"^    - (\w+) (>=[\d.]+)", run, re.MULTILINE)
    python = f"python{project()['requires-python']}"
    assert {"".join(each) for each in listed} == {*project()["dependencies"], python}


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+?)\](.*)$", text, re.MULTILINE)
    assert releases[0] == ("Unreleased", "")
    dates = [rest for _, rest in releases[1:]]
    assert [date for date in dates if not re.fullmatch(r" - \d{4}-\d\d-\d\d", date)] == []
    assert [name for name, _ in releases if f"\n[{name}]: https://" not in text] == []
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_actions_of_workflows_are_pinned_by_their_commits() -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert {path.name for path in workflows} == {"ci.yml", "docs.yml", "nightly.yml", "release.yml"}
    uses = [
        line.split("uses: ")[1]
        for path in workflows
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses: " in line
    ]
    pinned = r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [use for use in uses if not re.fullmatch(pinned, use)] == []
    assert len(uses) > 8


def test_the_licence_is_complete() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project()["license"].split(" AND ")[0] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
