"""A preview server for a built site, for this machine only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from singan.errors import UserError

_TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webp": "image/webp",
}
"""Types of a site's files. The system's own table may lack some or be wrong, and then no script runs."""


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **_TYPES}  # noqa: RUF012  (as the base has it)

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer "not found" to an address that can be no file's name, too, such as one with a zero byte."""
        try:
            return super().send_head()
        except ValueError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """Log nothing: a preview needs no log."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  (as the base has it)
        """Report an error in one line, but not that a browser went away in the middle of a page."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            sys.stderr.write(f"a request could not be answered: {error!r}\n")


def serve_folder(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve `folder` on 127.0.0.1 until interrupted; port 0 takes a free one."""
    if not (folder / "index.html").is_file():
        raise UserError("holds no site", where=str(folder), right="build one with singan build-site")
    try:
        server = _Server(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used: {error.strerror}", right="name another with --port"
        ) from None
    with server:
        say(f"http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C ends it)")
        server.serve_forever()
