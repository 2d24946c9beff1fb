"""``tbimage log``: log image files, or directories of image files, to a run directory.

If a file cannot be read, an error is printed, the other files are logged, and the exit code is 2.
In a directory, a file that is not an image is skipped and counted, unless it has the suffix of an
image.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tbimage import SummaryWriter, checks
from tbimage.cli import images, view
from tbimage.cli.errors import in_one_line
from tbimage.cli.files import File, distinct, find
from tbimage.cli.progress import progress
from tbimage.writer.steps import check_step

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Log image files to a run directory of TensorBoard.

PNG, JPEG, GIF and BMP files are stored unchanged. Other formats that Pillow can open
(WebP, TIFF, …) are decoded first, because TensorBoard does not show them. If a file has several
pictures, the first one is logged.

Directories are searched with all their subdirectories, in natural order: frame2 before frame10. If
a file in a directory is not an image, it is skipped and counted. Hidden files and links to
directories are left out.
"""

_NAMES_AND_STEPS = """\
names and steps:
  A file is logged under its name without the suffix. The names of files in a directory begin with
  the name of the directory, so that they are one group in TensorBoard:

    tbimage log cat.jpg --logdir runs/a      cat.jpg         is logged as  cat
    tbimage log photos --logdir runs/a       photos/cat.jpg  is logged as  photos/cat

  If two files would get the same name (cat.jpg and cat.png), both keep their suffix.

  With --name, all files are logged under this name, one file at each step. TensorBoard shows them
  with a slider.

  Without --step, the first image of a name has step 0, and the next call on the same run directory
  continues with the next step. With --step N, all images have step N. With --step N and --name,
  they have the steps N, N+1 and so on.
"""


@dataclass
class _Report:
    """The results of a call."""

    problems: list[str] = field(default_factory=list)  # one line for each error
    skipped: int = 0  # the number of skipped files
    logged: Counter[str] = field(default_factory=Counter)  # the number of images by name
    written: int = 0  # the number of images in the event file
    bytes_written: int = 0  # the size of the event file

    def add_problem(self, error: Exception) -> None:
        """Add an error as one line."""
        self.problems.append(in_one_line(error))


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "log",
        help="log image files, or directories of them",
        description=_DESCRIPTION,
        epilog=_NAMES_AND_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="an image file, or a directory")
    parser.add_argument(
        "--logdir", metavar="DIR", required=True, help="the run directory; made if it is missing"
    )
    parser.add_argument(
        "--name", type=_name, help="one name for all images, with one step for each image"
    )
    parser.add_argument(
        "--step", metavar="N", type=_step, help="the step; with --name, the first step"
    )
    parser.set_defaults(run=run)


def _name(text: str) -> str:
    try:
        return checks.name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _step(text: str) -> int:
    try:
        return check_step(int(text))
    except ValueError:
        problem = f"must be an integer of at most 64 bits, got {text!r}"
        raise argparse.ArgumentTypeError(problem) from None


def run(arguments: argparse.Namespace) -> int:
    """Log the files and print a report; return 2 if a file cannot be logged."""
    report = _Report()
    files = _only_images(find(arguments.paths, report.add_problem), report)
    if arguments.name is None:
        files = distinct(files)
    if files:
        _log(files, arguments, report)
    elif not report.problems:
        report.problems.append(f"no images in {' '.join(arguments.paths)}")
    _say(report, arguments.logdir)
    return 2 if report.problems else 0


def _only_images(files: Sequence[File], report: _Report) -> list[File]:
    """Return the images, and add the other files to the report. Nothing is written yet."""
    found = []
    for file in progress(files, "files"):
        try:
            images.identify(file.path)
        except images.NotAnImageError as error:
            if file.named or images.looks_like_image(file.path):
                report.add_problem(error)
            else:
                report.skipped += 1
        except OSError as error:
            report.add_problem(error)
        else:
            found.append(file)
    return found


def _log(files: Sequence[File], arguments: argparse.Namespace, report: _Report) -> None:
    writer = SummaryWriter(arguments.logdir)
    try:
        with writer:
            for file in progress(files, "images"):
                _log_one(writer, file, arguments, report)
    except OSError as error:  # the first error; the writer also tries the other images
        report.problems.append(f"{arguments.logdir}: {in_one_line(error)}")
    stats = writer.stats()
    report.written, report.bytes_written = stats.written, stats.bytes_written
    if stats.written < stats.logged:
        lost = stats.logged - stats.written
        report.problems.append(f"{lost} of {_counted(stats.logged, 'image')} not written")


def _log_one(
    writer: SummaryWriter, file: File, arguments: argparse.Namespace, report: _Report
) -> None:
    name, step = arguments.name or file.tag, arguments.step
    if step is not None and arguments.name:
        step += report.logged[name]
    try:
        data, keywords = images.read(file.path)
        writer.image(name, data, step, **keywords)
    except (OSError, ValueError) as error:
        report.add_problem(error)
    else:
        report.logged[name] += 1


def _say(report: _Report, logdir: str) -> None:
    for problem in report.problems:
        print(f"tbimage: {problem}", file=sys.stderr)
    if report.written:
        tags, size = _counted(len(report.logged), "tag"), _human(report.bytes_written)
        print(f"{_counted(report.written, 'image')}, {tags}, {size} written to {logdir}")
    if report.skipped:
        print(f"{_counted(report.skipped, 'file')} skipped: not an image")
    if report.written:
        print(view.how_to_see(logdir, max(report.logged.values())))


def _human(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
