"""Show logs on a web page: charts, pictures, histograms, texts, sounds and hyperparameters.

``gallery(logs, path)`` writes a page that is one file. ``tbimage serve`` and ``gallery.asgi`` show
the same page live. Tags and texts of a log cannot run scripts. The page sets all texts with
``textContent``, and its Content-Security-Policy allows only the page's own script.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tbimage.reading.logs import Logs, read

if TYPE_CHECKING:
    from tbimage.reading.gallery.asgi import Application
    from tbimage.reading.gallery.page import Page

__all__ = ["MAX_BYTES", "Gallery", "gallery"]

#: The default limit for the size of a page. A page of this size can be sent, and opens in seconds.
MAX_BYTES = 50_000_000


class Gallery:
    """The class of ``tbimage.gallery``. A call writes a page, and ``asgi`` makes a live page.

    Example:
        >>> import numpy, tbimage
        >>> with tbimage.SummaryWriter("runs/train") as writer:
        ...     _ = writer.scalar("loss", 0.5, step=1)
        ...     _ = writer.image("noise", numpy.zeros((4, 6, 3), numpy.uint8), step=1)
        >>> page = tbimage.gallery("runs", "page.html")
        >>> page.runs, page.shown
        (1, {'scalar': (1, 1), 'image': (1, 1)})
    """

    def __call__(
        self,
        logs: Logs | str | os.PathLike[str],
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        max_bytes: int = MAX_BYTES,
        progress: Callable[[Sequence[str]], Iterable[str]] = iter,
    ) -> Page:
        """Write one HTML file that shows the logs. It needs no server and no network.

        Args:
            logs: The logs that ``tbimage.read`` returned, or a path that it can read.
            path: The file to write. An existing file is replaced when the new one is complete.
            title: The headline. None: the name of the log directory.
            max_bytes: The largest allowed size of the file. If not all values of a tag fit, the
                page shows some of them, evenly spread, and their number.
            progress: A function that takes the parts of the page and yields them. It may show the
                progress.

        Returns:
            A ``Page`` with the size, the numbers of shown values, and messages about errors.

        Raises:
            OSError: The logs cannot be read, or the file cannot be written.
            ValueError: ``max_bytes`` is too small for the page, even if it shows no values.
            TypeError: ``logs`` or ``path`` has a wrong type.

        Example:
            >>> import tbimage
            >>> with tbimage.SummaryWriter("runs/train") as writer:
            ...     _ = writer.text("note", "A *good* run.", step=0)
            >>> page = tbimage.gallery(tbimage.read("runs"), "page.html", title="Monday")
            >>> page.bytes < 200_000
            True
        """
        from tbimage.reading.gallery.contents import collect
        from tbimage.reading.gallery.page import shell, write_page

        if not isinstance(logs, Logs):
            logs = read(logs)
        page = shell(live=False)
        fixed = len(page.before) + len(page.after)
        contents = collect(logs, max(max_bytes - fixed, 0) * 19 // 20)
        if title is not None:
            contents.index["title"] = title
        return write_page(os.fspath(path), contents, max_bytes, progress)

    def asgi(self, logdir: str | os.PathLike[str]) -> Application:
        """Make a read-only ASGI application that shows a log directory live.

        Args:
            logdir: A directory of runs, one run, or an event file. It does not have to exist yet.

        Returns:
            An application for ``app.mount`` of FastAPI or Starlette, or for a server such as
            uvicorn. The application answers every request and has no login. So make sure that only
            people who may see the logs can reach the application.

        Raises:
            TypeError: ``logdir`` is neither str nor PathLike.

        Example:
            >>> import tbimage
            >>> application = tbimage.gallery.asgi("runs")
            >>> # app = fastapi.FastAPI(); app.mount("/logs", application)
        """
        from tbimage.reading.gallery.asgi import Application
        from tbimage.reading.gallery.site import Site

        return Application(Site(os.fspath(logdir)))


gallery = Gallery()
