"""Files that take a while to make (thumbnails, charts): those that are missing, on all cores."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Protocol

from runner.execution.machine import cores
from runner.publish.output.folder import SiteFolder
from singan.errors import UserError

_FEW = 128
"""So many pieces are made sooner by one process: each takes 12 ms of processor time, starting another 2 s."""


class Derived(Protocol):
    """One or several files with names that are digests of what decides their content; can be pickled."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Their paths on the site."""

    def make(self) -> tuple[bytes, ...]:
        """Their contents."""


def write_derived(pieces: Iterable[Derived], folder: SiteFolder) -> None:
    """Write each once: from the old site if it has them, or else made. Raises what making them raises."""
    missing: dict[tuple[str, ...], Derived] = {}
    for piece in pieces:
        there = [folder.take_over(url) for url in piece.urls]
        if not all(there):
            missing[piece.urls] = piece
    for urls, files in zip(missing, _made(list(missing.values())), strict=True):
        for url, data in zip(urls, files, strict=True):
            folder.keep(url, partial(bytes, data))


def _made(pieces: Sequence[Derived]) -> Iterator[tuple[bytes, ...]]:
    """Contents of the pieces, in their order."""
    workers = min(cores(), len(pieces) // _FEW)
    if workers < 2:
        yield from map(_make, pieces)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_ignore_interrupts) as pool:
        try:
            yield from pool.map(_make, pieces)
        except BrokenProcessPool:
            raise UserError("a process that drew for the site was killed", right="is memory short?") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(piece: Derived) -> tuple[bytes, ...]:
    return piece.make()


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
