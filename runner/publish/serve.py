"""A preview server for a built site, for this machine only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from singan.errors import UserError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """A preview needs no log."""


def serve_folder(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve `folder` on 127.0.0.1 until interrupted; port 0 takes a free one."""
    if not (folder / "index.html").is_file():
        raise UserError("holds no site", where=str(folder), right="build one with singan build-site")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used: {error.strerror}", right="name another with --port"
        ) from None
    with server:
        say(f"http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C ends it)")
        server.serve_forever()
