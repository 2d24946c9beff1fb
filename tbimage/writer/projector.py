"""Writing the files of the Projector page into a run directory.

What lives here: directories and files. What does not: what is in them (``kinds/embedding.py``), and
when (a worker, like every kind; the event that marks the embedding follows its files).

Rules:
- A file appears under its name when it is complete: it is written beside it and renamed.
- The list of embeddings is read before it is written: what earlier runs of the program, or other
  programs, have added stays.
- No name contains ``tfevents``, which would make it an event file.
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

__all__ = ["write"]

# Two workers may have embeddings of one run; both read the list and write it.
# By process: a lock that another thread holds during a fork is locked for good in the child.
_locks: dict[int, threading.Lock] = {}


def write(
    directory: str,
    name: str,
    embedding: kind.Embedding,
    step: int,
    report: Callable[[Findings], None] = lambda findings: None,
) -> list[Piece]:
    """Write the files of an embedding, and list it.

    Args:
        directory: The run directory.
        name: The embedding's name.
        step: Its step.
        embedding: A snapshot.
        report: Gets what was found in the images' values, if there is anything to tell.

    Returns:
        The serialized Summary that marks it, as pieces.

    Raises:
        OSError: A file cannot be written.
        ValueError: The images' values do not fit their type, or the list that is there is none.

    Example:
        >>> import tempfile
        >>> directory = tempfile.mkdtemp()
        >>> points = kind.prepare([[1.0, 2.0]], None, None, None, None, None)
        >>> _ = write(directory, "words", points, 0)
        >>> sorted(os.listdir(directory))
        ['00000', 'projector_config.pbtxt']
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
    if urls.is_url(path):  # an object appears when it is complete
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
