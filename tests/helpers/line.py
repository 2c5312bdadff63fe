"""A line between two processes of this machine that can be cut, be silent, and be slow."""

from __future__ import annotations

import math
import queue
import socket
import threading
import time
from contextlib import suppress

from helpers.cluster import free_port

_CHUNK_bytes = 2**15

_UNDER_WAY = 32
"""Chunks on a line at a time; who sends more has to wait."""


class Line:
    """A proxy before a port. It may delay all it carries, and carry no more than a rate each way."""

    def __init__(self, port: int, delay_s: float = 0.0, bytes_per_s: float = math.inf) -> None:
        self.target, self.port = port, free_port()
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s
        self.is_silent = False
        self.carried_bytes = 0
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            _hang_up(one)
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                theirs, _ = listener.accept()
                ours = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._sockets += [theirs, ours]
            for source, sink in ((theirs, ours), (ours, theirs)):
                under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(_UNDER_WAY)
                for work in (self._take, self._deliver):
                    threading.Thread(target=work, args=(source, sink, under_way), daemon=True).start()

    def _take(
        self, source: socket.socket, sink: socket.socket, under_way: queue.Queue[tuple[float, bytes]]
    ) -> None:
        data = b"?"
        while data:
            try:
                data = source.recv(_CHUNK_bytes)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + self.delay_s, data))

    def _deliver(
        self, source: socket.socket, sink: socket.socket, under_way: queue.Queue[tuple[float, bytes]]
    ) -> None:
        with suppress(OSError):
            while True:
                due, data = under_way.get()
                time.sleep(max(0.0, due - time.monotonic()) + len(data) / self.bytes_per_s)
                while self.is_silent:
                    time.sleep(0.1)
                if not data:
                    break
                sink.sendall(data)
                self.carried_bytes += len(data)
        _hang_up(source)
        _hang_up(sink)


def _hang_up(one: socket.socket) -> None:
    """Closing alone would not wake up who listens to it."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
