"""``tbimage serve``: serve the page of a log directory on this machine."""

from __future__ import annotations

import argparse

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Show a log directory in the browser, on this machine only. New values and new runs appear on the
page when they are logged. The page cannot change the logs. Ctrl-C ends the server.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("serve", help="show logs live", description=_DESCRIPTION)
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    parser.add_argument(
        "--port", type=int, default=6007, help="the port; 0: any free port (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from tbimage.reading.gallery.server import Server
    from tbimage.reading.gallery.site import Site

    site = Site(arguments.logdir)
    site.look()  # raises an error if the path does not exist
    if not 0 <= arguments.port < 1 << 16:
        raise ValueError(f"--port must be from 0 to 65535, got {arguments.port}")
    try:
        server = Server(site, arguments.port)
    except OSError as error:
        raise OSError(
            f"port {arguments.port}: {error.strerror}; choose another port with --port"
        ) from None
    with server:
        print(f"{server.address} shows {arguments.logdir} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0
