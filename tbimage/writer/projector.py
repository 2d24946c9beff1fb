"""The files of the Projector page in a run directory.

Rules:
- A local file is written under a temporary name, and renamed when it is complete.
- The list of embeddings is read before it is written, so that the entries of earlier processes and
  of other programs are kept.
- No file name contains ``tfevents``. Otherwise, readers would read the file as an event file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from tbimage.buffers import Piece
from tbimage.events.storage import urls
from tbimage.events.storage.filesystems import filesystem_of
from tbimage.events.storage.objects import as_os_error
from tbimage.kinds import embedding as kind
from tbimage.pixels.values.pictures import Findings

# If two workers write embeddings of one run, both read and write the same list. So they need a
# lock. A lock that another thread holds during a fork stays locked in the child. So each process
# has its own lock.
_locks: dict[int, threading.Lock] = {}


def write(
    directory: str,
    name: str,
    embedding: kind.Embedding,
    step: int,
    report: Callable[[Findings], None] = lambda findings: None,
) -> list[Piece]:
    """Write the files of an embedding, and return the Summary for the event file.

    ``report`` gets the findings about the images' values, if there are any.
    """
    where = urls.join(directory, *kind.directory(name, step).split("/"))
    if not urls.is_url(where):
        os.makedirs(where, exist_ok=True)
    _write_all(where, kind.files(embedding, report))
    config = urls.join(directory, kind.CONFIG_NAME)
    with _locks.setdefault(os.getpid(), threading.Lock()):
        try:
            existing = _read(config)
        except FileNotFoundError:
            existing = ""
        listed = kind.config(existing, name, step, embedding)
        _write(config, [listed.encode()])
    return kind.summary(name)


def _write_all(directory: str, files: Mapping[str, Sequence[Piece]]) -> None:
    for name, pieces in files.items():
        _write(urls.join(directory, name), pieces)


def _read(path: str) -> str:
    if urls.is_url(path):
        return filesystem_of(path).cat_file(path).decode()  # type: ignore[no-any-return]
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, pieces: Iterable[Piece]) -> None:
    if urls.is_url(path):  # an object is visible only when it is complete
        with as_os_error(path):
            filesystem_of(path).pipe_file(path, b"".join(pieces))
        return
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.part"
    try:
        with open(temporary, "wb") as file:
            file.writelines(pieces)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
