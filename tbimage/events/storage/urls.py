"""URLs of object stores, and which package each protocol needs."""

from __future__ import annotations

import os
import posixpath
import re
import sys

__all__ = ["check_url", "dirname", "is_url", "join"]

_URL = re.compile(r"(?P<protocol>[a-zA-Z][a-zA-Z0-9+.:-]*)://(?P<path>.*)", re.DOTALL)
# For each protocol, the extra of pyproject.toml that installs its package.
_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
}


def is_url(path: str) -> bool:
    """Tell whether a path is the URL of an object store, and not a local path."""
    return _URL.fullmatch(path) is not None


def protocol_of(url: str) -> str:
    """Return the part before ``://``, in lower case."""
    return url.partition("://")[0].lower()


def join(directory: str, *names: str) -> str:
    """Join the path of a directory (local or in a store) and names below this directory."""
    return (
        posixpath.join(directory, *names) if is_url(directory) else os.path.join(directory, *names)
    )


def dirname(path: str) -> str:
    """Return the directory of a path (local or in a store)."""
    return posixpath.dirname(path) if is_url(path) else os.path.dirname(path)


def check_url(url: str, argument: str) -> str:
    """Check the URL of a directory, and return it without unnecessary slashes.

    ValueError: the URL is not valid or has no bucket, fsspec does not know its protocol, or gevent
    has replaced the threads that asyncio needs. ImportError: the package for the protocol is not
    installed.
    """
    protocol, path = protocol_of(url), url.partition("://")[2]
    if "::" in url:
        raise ValueError(f"{argument} must be one URL and no chain of URLs, got {url!r}")
    extra = _EXTRAS.get(protocol)
    try:
        import fsspec

        kind = fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        what = f"'tbimage[{extra}]'" if extra else "fsspec and what it needs for this protocol"
        raise ImportError(
            f"{argument}={url!r} needs a package that is missing: pip install {what} ({error})"
        ) from error
    except ValueError:
        raise ValueError(
            f"{argument} must be a local path or a URL that fsspec knows, such as "
            f"s3://bucket/runs/a, got {url!r}: fsspec has no protocol {protocol!r}"
        ) from None
    gevent = sys.modules.get("gevent.monkey")
    if kind.async_impl and gevent is not None and gevent.is_module_patched("threading"):
        raise ValueError(
            f"{argument} must be a local path if gevent has replaced threads, got {url!r}: the "
            "packages for object stores need threads of the system. Use workers without gevent, "
            "such as gthread, or log to a local directory"
        )
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if extra and (not parts or path.startswith("/")):
        raise ValueError(
            f"{argument} must name a bucket, as in {protocol}://bucket/runs/a, got {url!r}"
        )
    if ".." in parts or "\0" in path:
        raise ValueError(f"{argument} must not contain '..' or NUL, got {url!r}")
    lead = "/" if path.startswith("/") else ""
    return f"{protocol}://{lead}{'/'.join(parts)}"
