"""Tests that need environments of their own: other Pythons, and old releases of the dependencies.

    nox -s matrix                             # all of them
    nox -s matrix -k "3.10 and oldest" -- -x  # one of them; what follows -- goes to pytest
    nox -s protobuf                           # each series of protobuf, with both of its runtimes
    nox -s integrations                       # the oldest frameworks: minutes, so not by default

uv makes the environments. They have neither TensorBoard nor a peer: a test that needs one skips.
README's test command covers the newest Python with the newest releases.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"

PROJECT = nox.project.load_toml("pyproject.toml")
OLDEST_PYTHON, *_, NEWEST_PYTHON = PYTHONS = nox.project.python_versions(PROJECT)
DEPENDENCIES = PROJECT["project"]["dependencies"]
PYTEST = (
    "python",
    "-m",
    "pytest",
    "-q",
    "-n2",
    "-p",
    "no:cacheprovider",
    "--hypothesis-profile=matrix",
)
#: Even where the caller's environment forbids it.
SKIPPING_ALLOWED: dict[str, str | None] = {"TBIMAGE_REQUIRE_PEERS": None}

#: Arguments of uv. The oldest with isal, the newest without it.
RELEASES = {
    "oldest": ("--resolution=lowest-direct", "--extra=fast"),
    "newest": ("--resolution=highest",),
    "pure": ("--resolution=highest",),  # without the compiled encoder, by NumPy and zlib alone
}

#: Tests of what differs between Pythons: threads, signals, forks, the end of the interpreter,
#: files, argparse, imports and docstrings. A pixel is the same in all of them.
DEPEND_ON_PYTHON = (
    "tbimage",
    "tests/cli",
    "tests/events",
    "tests/pipeline",
    "tests/reading",
    "tests/test_writer.py",
    "tests/test_writer_lifecycle.py",
    "tests/test_project.py",
)
#: Tests of what differs between releases of NumPy, Pillow and protobuf.
DEPEND_ON_RELEASES = ("tbimage", "tests/events", "tests/kinds", "tests/pixels")
DEPEND_ON_THE_ENCODER = ("tests/kinds", "tests/pixels")
#: Tests of messages: their classes, their bytes, and an example of each kind.
DEPEND_ON_PROTOBUF = (
    "tbimage/events",
    "tbimage/kinds",
    "tests/events/test_messages.py",
    "tests/events/test_wire.py",
)
EVERYTHING = ()  # what pyproject.toml names

#: Python, releases, tests. Other steps of .ci/run do everything with Python 3.11 (the peers) and
#: with the newest Python and releases (README's command). The newest releases for the oldest
#: Python, and the oldest for a newer one, are releases between the oldest and the newest of all.
SESSIONS = [
    (OLDEST_PYTHON, "oldest", EVERYTHING),
    (OLDEST_PYTHON, "newest", DEPEND_ON_RELEASES),
    (PYTHONS[-2], "oldest", DEPEND_ON_RELEASES),
    (PYTHONS[-2], "newest", DEPEND_ON_PYTHON),
    (PYTHONS[-2], "pure", DEPEND_ON_THE_ENCODER),
]

#: The packages that tbimage.integrations is made for: the oldest release of each is what the extra
#: says. The tests run with them, and with the peers of that time that they need.
EXTRAS = PROJECT["project"]["optional-dependencies"]
_AMONG_PEERS = ("accelerate", "jax", "lightning", "starlette", "uvicorn")
FRAMEWORKS = [
    *EXTRAS["integrations"][1:],
    *(peer for peer in EXTRAS["peers"] if peer.startswith(_AMONG_PEERS)),
]

#: Each major version since 4.21, and of the long series 4 the first and the last.
PROTOBUFS = ["4.21.*", "4.25.*", "5.29.*", "6.33.*", "7.*"]

_CHECK_BOUNDS = """
import re, sys
from importlib.metadata import version
for bound in sys.argv[1:]:
    name, oldest = re.fullmatch(r"([\\w-]+)>=([\\w.]+).*", bound).groups()
    print(bound, "->", version(name))
    if not f"{version(name)}.".startswith(f"{oldest}."):
        sys.exit(f"the lower bound {bound} was not tested: {version(name)} was installed")
"""


_CHECK_ENCODER = "from tbimage.visual import encoder_name as name; assert name() == 'zlib', name()"


def _install(session: nox.Session, *how: str) -> None:
    session.install("--only-binary=:all:", "-r", "pyproject.toml", *how)
    session.install("--group=matrix")
    session.install("--no-deps", "--editable=.")


@nox.session
@nox.parametrize(
    "python,release,tests", SESSIONS, ids=[f"{python}-{release}" for python, release, _ in SESSIONS]
)
def matrix(session: nox.Session, release: str, tests: tuple[str, ...]) -> None:
    """Run what depends on the Python, on the releases of the dependencies, or on the encoder."""
    _install(session, *RELEASES[release])
    if session.python == OLDEST_PYTHON and release == "oldest":
        session.run("python", "-c", _CHECK_BOUNDS, *DEPENDENCIES)
    environment = dict(SKIPPING_ALLOWED)
    if release == "pure":  # not at the build: all sessions share the encoder that it compiles
        environment["TBIMAGE_PURE"] = "1"
        session.run("python", "-c", _CHECK_ENCODER, env=environment)
    session.run(*PYTEST, *tests, *session.posargs, env=environment)


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
        session.run(*PYTEST, *DEPEND_ON_PROTOBUF, *session.posargs, env=environment)


@nox.session(python="3.11", default=False)
def integrations(session: nox.Session) -> None:
    """Run the tests of the integrations with the oldest release of each framework."""
    # Before the others: the oldest build of this release would be the one for GPUs. What it needs
    # comes with them: the newest fsspec is too new for the oldest Lightning.
    session.install("--no-deps", *(peer for peer in EXTRAS["peers"] if peer.startswith("torch==")))
    # uwsgi has no wheels. That TensorBoard imports pkg_resources, which setuptools has lost.
    session.install(
        *("--only-binary=:all:", "--no-binary=uwsgi", "--resolution=lowest-direct"),
        *("-r", "pyproject.toml", "--extra=integrations", "--group=matrix", "setuptools<81"),
    )
    session.install("--no-deps", "--editable=.")
    session.run("python", "-c", _CHECK_BOUNDS, *FRAMEWORKS)
    session.run(
        *PYTEST,
        *("-m", "slow or not slow", "tests/integrations", *session.posargs),
        env=SKIPPING_ALLOWED,
    )
