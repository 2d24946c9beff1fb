"""Each allocation of a commit fails once: no summary is written twice, torn or lost uncounted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.pipeline import children, logs

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        sys.version_info >= (3, 12),
        reason="CPython 3.12 and 3.13 crash by themselves where an allocation fails",
    ),
]

SCRIPT = """
import json, sys
from _testcapi import remove_mem_hooks, set_nomemory
import numpy as np
from tbimage.events.backlog import Backlog, Commit
from tbimage.events.reporting import Errors
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.events.tickets import Work, make_record
from tbimage.kinds.scalar import summary

def make(tag):
    return summary(tag, 0.5, None)

def ticket(number, kind):
    work = None
    if kind != "light":
        work = Work(100, apart=kind == "apart")
        work.arguments = (f"t{number}",)
        result = 0, f"t{number}", number, 1.5, make, (), work
        if work.apart:
            work.record = make_record(result, work)
        return result
    return 0, f"t{number}", number, 1.5, make, (f"t{number}",), None

kinds = ["light", "light", "here", "apart", "light", "here"]
class Quiet:
    def lose(self, error, text): pass
    note = lose
    def note_recovery(self): pass

files = Segments(LocalStorage(), sys.argv[1], SegmentOptions())
backlog = Backlog(files, Quiet())
number, lost, ended, failed = 0, [], [], 0
beyond = start = 0
while beyond < 3:
    start += 1
    tickets = [ticket(number + index, kind) for index, kind in enumerate(kinds)]
    number += len(kinds)
    commit = Commit(tickets)
    stop = start + int(sys.argv[2])
    set_nomemory(start, stop)
    try:
        backlog.carry_out(commit, False)
    except MemoryError as error:  # as a worker does
        commit.error = error
    remove_mem_hooks()
    failed += commit.error is not None
    beyond = 0 if commit.error is not None or commit.lost else beyond + 1
    written, gone = commit.written, commit.lost
    while commit.error is not None:
        commit = Commit(commit.tickets)
        backlog.carry_out(commit, True)
        written, gone = written + commit.written, gone + commit.lost
    assert not backlog.costs and written + gone == len(kinds), (start, written, gone)
    lost.append(gone)
files.seal()
print(json.dumps([number, sum(lost), failed]))
"""


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_allocation_of_a_commit_may_fail(tmp_path: Path, count: int) -> None:
    pytest.importorskip("_testcapi", reason="_testcapi, CPython's own test module, is not there")
    number, lost, failed = json.loads(children.run(SCRIPT, tmp_path, count).stdout)
    assert failed > 20
    found = logs.steps_by_tag(tmp_path)
    assert len(found) == number - lost
    assert all(steps == [int(tag[1:])] for tag, steps in found.items())
