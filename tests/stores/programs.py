"""Programs that log to a store and end without closing their writer."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import tbimage

__all__ = ["PROGRAMS", "check_that_nothing_is_lost"]

PROGRAMS = {
    "exit": "sys.exit(3)",
    "exception": "raise RuntimeError('on purpose')",
    "fork": """
        if os.fork() == 0:
            for step in range(500):
                writer.scalar("child", 1.0, step=step)
            writer.close()
            os._exit(0)
        os.wait()
    """,
    "multiprocessing": """
        for method in ("fork", "spawn"):
            process = multiprocessing.get_context(method).Process(target=child, args=(writer,))
            process.start()
            process.join()
            assert process.exitcode == 0
    """,
}


def check_that_nothing_is_lost(url: str, how: str, tmp_path: Path) -> None:
    """Run a program, and look for all that it logged."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import multiprocessing, os, sys
            import tbimage

            def child(writer):
                for step in range(500):
                    writer.scalar("child", 1.0, step=step)

            if __name__ == "__main__":
                writer = tbimage.SummaryWriter({url!r}, upload_secs=3600)
                for step in range(1000):
                    writer.scalar("loss", 1.0, step=step)
            """
        )
        + textwrap.indent(textwrap.dedent(PROGRAMS[how]), "    ")
    )
    result = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=200, check=False
    )
    assert "were not written before" not in result.stderr, result.stderr
    assert "writing failed" not in result.stderr, result.stderr
    logs = tbimage.read(url)
    assert logs["."].scalars("loss").steps.tolist() == list(range(1000))
    children = [run for run in logs if run.startswith("worker-")]
    assert len(children) == {"fork": 1, "multiprocessing": 2}.get(how, 0)
    for run in children:
        assert logs[run].scalars("child").steps.tolist() == list(range(500))
