"""The files of the Projector page in a run directory.

Rules:
- A file is written under another name, and renamed when it is complete.
- The list of embeddings is read before it is written, so that the entries of earlier runs and of
  other programs stay.
- No name contains ``tfevents``, which would make it an event file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from tbimage.buffers import Piece
from tbimage.kinds import embedding as kind
from tbimage.pixels.values.pictures import Findings

# Two workers that have embeddings of one run read and write the same list. There is one lock for
# each process: a lock that another thread holds during a fork stays locked in the child.
_locks: dict[int, threading.Lock] = {}


def write(
    directory: str,
    name: str,
    embedding: kind.Embedding,
    step: int,
    report: Callable[[Findings], None] = lambda findings: None,
) -> list[Piece]:
    """Write the files of an embedding, and return the Summary that marks it.

    ``report`` gets the findings about the images' values, if there are any.
    """
    where = os.path.join(directory, *kind.directory(name, step).split("/"))
    os.makedirs(where, exist_ok=True)
    _write_all(where, kind.files(embedding, report))
    config = os.path.join(directory, kind.CONFIG_NAME)
    with _locks.setdefault(os.getpid(), threading.Lock()):
        try:
            with open(config, encoding="utf-8") as file:
                existing = file.read()
        except FileNotFoundError:
            existing = ""
        listed = kind.config(existing, name, step, embedding)
        _write(config, [listed.encode()])
    return kind.summary(name)


def _write_all(directory: str, files: Mapping[str, Sequence[Piece]]) -> None:
    for name, pieces in files.items():
        _write(os.path.join(directory, name), pieces)


def _write(path: str, pieces: Iterable[Piece]) -> None:
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.part"
    try:
        with open(temporary, "wb") as file:
            file.writelines(pieces)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
