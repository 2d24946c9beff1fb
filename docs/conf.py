"""The documentation site: ``pip install '.[docs]' && sphinx-build -W docs site``.

The pages are read on the code host, too. So they are plain Markdown, and link to files of the
repository by relative paths.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

from sphinx.application import Sphinx

import tbimage
from tbimage.cli import COMMANDS, main

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
REPOSITORY = "https://github.com/tbimage/tbimage/blob/main"

project = "tbimage"
author = "The tbimage authors"
project_copyright = "The tbimage authors"
version = release = tbimage.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autoclass_content = "both"
autodoc_typehints = "none"  # the signatures have them, and the texts say what they mean
autodoc_preserve_defaults = True
autodoc_mock_imports = [
    "accelerate", "clu", "flax", "gymnasium", "ignite", "jax", "keras", "lightning", "optuna",
    "pytorch_lightning", "skorch", "starlette", "tensorboard", "tensorflow", "torch",
    "transformers",
]  # fmt: skip
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "tbimage"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/tbimage/tbimage/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

#: Pages of the site that are files of the repository. Here they have stubs.
FILES_OF_PAGES = {
    "changelog": ROOT / "CHANGELOG.md",
    "contributing": ROOT / "CONTRIBUTING.md",
    "results": ROOT / "benchmarks" / "RESULTS.md",
}
PAGES_OF_FILES = {file: DOCS / f"{page}.md" for page, file in FILES_OF_PAGES.items()}
PICTURES = {".png", ".jpg", ".svg"}

_LINK = re.compile(r"""(?<=\]\()[^)\s]+(?=\))|(?<=src=")[^"]+(?=")""")


def complete(application: Sphinx, docname: str, source: list[str]) -> None:
    """Replace stubs by their files, add the help of commands, and make links lead somewhere."""
    file = FILES_OF_PAGES.get(docname, DOCS / f"{docname}.md")
    text = source[0] if file.is_relative_to(DOCS) else file.read_text(encoding="utf-8")
    page = DOCS / docname
    source[0] = _LINK.sub(lambda match: _target(match[0], file.parent, page.parent), text)
    if docname == "index":
        source[0] = source[0].replace("\n*\n", "\n" + "".join(_unlisted(text)))
    if docname == "api/integrations":
        source[0] += "".join(map(_integration, _integrations()))
    if docname == "api/command":
        source[0] += "".join(map(_section, _commands()))


def _target(link: str, folder: Path, page_folder: Path) -> str:
    """Return where a link in a file of this folder leads on a page of that one."""
    path, _, anchor = link.partition("#")
    if not path or ":" in link:
        return link
    file = (folder / path).resolve()
    file = PAGES_OF_FILES.get(file, file)
    if file.is_relative_to(DOCS) or file.suffix in PICTURES:
        target = os.path.relpath(file, page_folder).replace(os.sep, "/")
    else:
        target = f"{REPOSITORY}/{file.relative_to(ROOT).as_posix()}"
    return f"{target}#{anchor}" if anchor else target


def _unlisted(start_page: str) -> list[str]:
    """Return the pages that no table of contents lists; it has ``*`` where they shall stand."""
    names = sorted(page.stem for page in DOCS.glob("*.md"))
    return [f"{name}\n" for name in names if name != "index" and f"\n{name}\n" not in start_page]


def _integrations() -> list[str]:
    """Return the modules of tbimage.integrations that their page names."""
    page = DOCS / "integrations.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return [*dict.fromkeys(re.findall(r"tbimage\.integrations\.([a-z_]+)", text))]


def _integration(name: str) -> str:
    is_package = (ROOT / "tbimage" / "integrations" / name).is_dir()
    members = "   :imported-members:\n" if is_package else ""
    directive = f".. automodule:: tbimage.integrations.{name}\n{members}"
    return f"\n## {name}\n\n```{{eval-rst}}\n{directive}```\n"


def _commands() -> list[str]:
    return ["", *(command.__name__.rpartition(".")[2] for command in COMMANDS)]


def _section(command: str) -> str:
    """Return the heading and the help of a command."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        main([command, "--help"] if command else ["--help"])
    return f"\n## tbimage {command}\n\n```text\n{output.getvalue()}```\n"


def setup(application: Sphinx) -> None:
    """Change what pages say before they are parsed."""
    os.environ["COLUMNS"] = "84"  # of the help
    application.connect("source-read", complete)
