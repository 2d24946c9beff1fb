"""The version matrix: each Python that tbimage supports, with the oldest and newest dependencies.

    nox -s matrix                             # every Python of pyproject.toml, oldest and newest
    nox -s matrix -p 3.10 -k oldest -- -x     # what follows -- goes to pytest
    nox -s protobuf                           # each series of protobuf, on both of its runtimes

What lives here: only what needs environments of its own, which uv makes. Tests in the environment
at hand are plain ``python -m pytest``; .ci/run runs everything. No session installs TensorFlow,
torch or any other peer: tests that need one skip here.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DEPENDENCIES = PROJECT["project"]["dependencies"]
PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=matrix")
SKIPPING_ALLOWED = {"TBIMAGE_REQUIRE_PEERS": None}  # even where the environment at hand forbids it

#: What uv is told. The oldest with isal, the newest without: both ways to compress are run.
RELEASES = {
    "oldest": ("--resolution=lowest-direct", "--extra=fast"),
    "newest": ("--resolution=highest",),
}

#: Each major version since 4.21, and of the long series 4 the first and the last.
PROTOBUFS = ["4.21.*", "4.25.*", "5.29.*", "6.33.*", "7.*"]

_ARE_THE_BOUNDS = """
import sys
from importlib.metadata import version
for bound in sys.argv[1:]:
    name, oldest = bound.split(">=")
    print(bound, "->", version(name))
    if not f"{version(name)}.".startswith(f"{oldest}."):
        sys.exit(f"{bound} is no honest bound: the oldest to be had is {version(name)}")
"""


def _install(session: nox.Session, *how: str) -> None:
    session.install("--only-binary=:all:", "-r", "pyproject.toml", *how)
    session.install("--group=matrix")
    session.install("--no-deps", "--editable=.")


@nox.session(python=PYTHONS)
@nox.parametrize("release", list(RELEASES), ids=list(RELEASES))
def matrix(session: nox.Session, release: str) -> None:
    """Run the suite with the oldest or the newest release of each required dependency."""
    _install(session, *RELEASES[release])
    if session.python == PYTHONS[0] and release == "oldest":
        session.run("python", "-c", _ARE_THE_BOUNDS, *DEPENDENCIES)
    session.run(*PYTEST, *session.posargs, env=SKIPPING_ALLOWED)


@nox.session(python="3.11")
@nox.parametrize("version", PROTOBUFS, ids=PROTOBUFS)
def protobuf(session: nox.Session, version: str) -> None:
    """Run the tests of the messages with one series of protobuf, on upb and in pure Python."""
    _install(session, f"protobuf=={version}")
    session.run("python", "-c", "from google.protobuf import __version__; print(__version__)")
    for runtime in ("upb", "python"):
        environment = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": runtime, **SKIPPING_ALLOWED}
        session.run(
            "python",
            "-c",
            "from google.protobuf.internal import api_implementation as runtime;"
            f"assert runtime.Type() == '{runtime}', runtime.Type()",
            env=environment,
        )
        session.run(*PYTEST, "tbimage/events", "tests/events", *session.posargs, env=environment)
