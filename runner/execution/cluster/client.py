"""The client's side: an executor whose assignments are carried out by the workers of a Dask scheduler.

All of Dask lives in one event loop in a thread of its own, and the two sides exchange nothing but assignments
and events. If the connection is lost, the loop connects again, and submits what is not back by the same keys.
"""

from __future__ import annotations

import asyncio
import pickle
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from distributed import Client, Future
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from distributed.security import Security

from runner.execution.assignment import Assignment, Ended, Event, Kept, Moved, Refused, Result
from runner.execution.cluster import remote
from runner.execution.cluster.configuration import configure
from runner.execution.cluster.dask_key import dask_key
from runner.execution.cluster.offer import is_offer, offer
from runner.execution.executors.interface import LostError, PATIENCE_s
from singan.errors import UserError

_LOOK_EVERY_s = 2.0
"""Time between two requests to the scheduler, which show its workers and whether it is still there."""

_ANSWERS_WITHIN_s = 10.0
"""A scheduler that takes longer to answer is taken for gone."""

_STOPS_WITHIN_s = 60.0
"""How long workers that were asked to stop are waited for: longer than an epoch takes."""


class Cluster:
    """An executor on a cluster. `patience_s` is how long the scheduler may be away."""

    def __init__(self, address: str, security: Security, patience_s: float = 60.0) -> None:
        configure()
        self.slots = 0
        self.offers: frozenset[str] | None = None
        """What the workers there are offer; None before the first look."""
        self._address, self._security, self._patience_s = address, security, patience_s
        self._tag = ""
        self._say: Callable[[str], None] = lambda _: None
        self._is_deserted = False
        """Whether it was told that no worker is left for what is submitted."""
        self._events: queue.SimpleQueue[Event | LostError] = queue.SimpleQueue()
        self._at_work: dict[str, Assignment] = {}
        """Assignments by key; changed only by the loop's thread."""
        self._submitted = 0
        self._ended = 0
        self._client: Client | None = None
        self._futures: dict[str, Future[bytes]] = {}
        self._watchers: set[asyncio.Future[None]] = set()
        self._tags: list[str] = []
        """Resource tags of all workers, as last seen, one each."""
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._lost = asyncio.Event()
        """Set when the connection turns out to be lost."""
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self._thread.start()

    # Called by the thread that executes the plan

    def wait_for_worker(
        self, devices: tuple[str, ...], go_on: Callable[[], bool], say: Callable[[str], None]
    ) -> str:
        """The first of these devices that a worker with exactly this program offers; waits for one to come.

        Raises `UserError` when there are workers, but none that will do, and `LostError` when no scheduler
        answers. Returns the last of `devices` when `go_on` returns False.
        """
        self._say, is_told = say, False
        while go_on():
            self._check()
            for device in devices:
                if offer(device) in (self.offers or ()):
                    self._tag = offer(device)
                    self._count()
                    return device
            if self.offers:
                raise UserError(
                    f"its workers offer {', '.join(sorted(self.offers))}",
                    where=self._address,
                    right=f"needed: {' or '.join(offer(device) for device in devices)}",
                )
            if self.offers is not None and not is_told:
                say(f"{self._address}: waiting for a worker")
                is_told = True
            time.sleep(PATIENCE_s / 5)
        return devices[-1]

    def free(self) -> int:
        return self.slots - (self._submitted - self._ended)

    def submit(self, assignment: Assignment) -> None:
        self._submitted += 1
        self._loop.call_soon_threadsafe(self._take, assignment)

    def listen(self, hear: Callable[[Event], None]) -> None:
        self._tell_of_workers()
        try:
            event = self._events.get(timeout=PATIENCE_s)
        except queue.Empty:
            return
        while True:
            if isinstance(event, LostError):
                raise event
            if isinstance(event, Ended):
                self._ended += 1
            hear(event)
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return

    def _tell_of_workers(self) -> None:
        """Say once when the last worker that fits has gone, and once when one is there again."""
        is_connected, was_deserted = self._client is not None, self._is_deserted
        self._is_deserted = self.slots == 0 if is_connected else was_deserted
        if self._is_deserted and not was_deserted:
            self._say(f"{self._address}: no worker is left that offers {self._tag}; waiting for one")
        elif was_deserted and not self._is_deserted:
            self._say(f"{self._address}: a worker is there again")

    def ask_to_stop(self) -> None:
        self._loop.call_soon_threadsafe(self._start_stopping)

    def close(self, *, at_once: bool) -> None:  # noqa: ARG002  (nobody here has to be waited for)
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(timeout=10)

    def _check(self) -> None:
        """Raise the error that ended the loop, if one has."""
        try:
            event = self._events.get_nowait()
        except queue.Empty:
            return
        if isinstance(event, LostError):
            raise event

    # All below runs in the loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._stay_connected())
        except Exception as error:
            self._events.put(LostError(f"{type(error).__name__}: {error}", where=self._address))
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))

    async def _stay_connected(self) -> None:
        seen = time.monotonic()
        while not self._closing.is_set():
            try:
                self._client = await self._connect()
            except (OSError, TimeoutError, asyncio.CancelledError):
                if time.monotonic() - seen > self._patience_s or self.offers is None:
                    self._events.put(LostError("no scheduler answers", where=self._address))
                    return
                await self._wait(self._closing, 1.0)
                continue
            for key in list(self._at_work):
                self._submit(key)
            while not self._closing.is_set() and not self._lost.is_set():
                if not await self._look():
                    break
                seen = time.monotonic()
                await self._wait(self._lost, _LOOK_EVERY_s)
            await self._disconnect()

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, for at most so many seconds, or until the cluster is closed."""
        waits = [asyncio.ensure_future(one.wait()) for one in {event, self._closing}]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _connect(self) -> Client:
        self._lost.clear()
        client = Client(
            self._address,
            asynchronous=True,
            security=self._security,
            set_as_default=False,
            timeout=_ANSWERS_WITHIN_s,
        )
        try:
            await asyncio.wait_for(_started(client), 2 * _ANSWERS_WITHIN_s)
        except BaseException:
            await self._close(client)
            raise
        client.subscribe_topic(remote.TOPIC, self._on_progress)
        return client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        for watcher in self._watchers:  # otherwise they would take the next connection for lost, too
            watcher.cancel()
        futures, self._futures = self._futures, {}
        for future in futures.values():
            with suppress(Exception):
                future.release()
        self._count()
        if client is not None:
            await self._close(client)

    async def _close(self, client: Client) -> None:
        with suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(client._close(fast=True), 3)

    async def _look(self) -> bool:
        """Ask the scheduler for its workers; returns whether it answered."""
        client = self._client
        if client is None or client.status != "running":
            return False
        try:
            scheduler: Any = client.scheduler
            found = await asyncio.wait_for(scheduler.identity(n_workers=-1), _ANSWERS_WITHIN_s)
        except (OSError, TimeoutError, asyncio.CancelledError):
            return False
        self._tags = [name for worker in found["workers"].values() for name in _resources(worker)]
        self.offers = frozenset(filter(is_offer, self._tags)) or (
            frozenset({"nothing of this program"}) if found["workers"] else frozenset()
        )
        self._count()
        return True

    def _count(self) -> None:
        self.slots = self._tags.count(self._tag) if self._client is not None else 0

    def _take(self, assignment: Assignment) -> None:
        self._at_work[assignment.key] = assignment
        if self._is_stopping:
            self._end(assignment.key, Kept(None))
        elif self._client is not None:
            self._submit(assignment.key)

    def _submit(self, key: str) -> None:
        client, assignment = self._client, self._at_work[key]
        assert client is not None
        name = dask_key(assignment, self._tag)
        try:
            future = client.submit(
                remote.carry_out_leg,
                pickle.dumps(assignment),
                name,
                key=name,
                resources={self._tag: 1},
                pure=False,
            )
        except Exception:
            self._lost.set()
            return
        self._futures[name] = future
        watcher = asyncio.ensure_future(self._watch(key, name, future))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _watch(self, key: str, name: str, future: Future[bytes]) -> None:
        """Wait for a leg to end, however it ends."""
        try:
            result = pickle.loads(await future)  # noqa: S301  (our own workers made it)
        except KilledWorker as error:
            died = error.allowed_failures + 1
            self._end(key, Refused(f"{died} workers died of it"))
        except (asyncio.CancelledError, FutureCancelledError, OSError):  # connection lost: nothing is known
            self._lost.set()
        except Exception as error:
            self._end(key, Refused(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"))
        else:
            self._end(key, result)
        finally:
            self._futures.pop(name, None)

    def _end(self, key: str, result: Result) -> None:
        if self._at_work.pop(key, None) is not None:
            self._events.put(Ended(key, result))

    async def _on_progress(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, news = event
        for key, assignment in self._at_work.items():
            if dask_key(assignment, self._tag) == news["key"]:
                self._events.put(Moved(key, float(news["fraction"]), str(news["detail"])))

    def _start_stopping(self) -> None:
        self._is_stopping = True
        names = [dask_key(assignment, self._tag) for assignment in self._at_work.values()]
        if self._client is not None and names:
            stopping = asyncio.ensure_future(self._ask_to_stop(self._client, names))
            self._watchers.add(stopping)
            stopping.add_done_callback(self._watchers.discard)
        self._loop.call_later(_STOPS_WITHIN_s if self._client is not None else 0, self._give_up_the_rest)

    async def _ask_to_stop(self, client: Client, names: list[str]) -> None:
        with suppress(Exception):
            await client.run(remote.ask_to_stop, names, on_error="ignore")

    def _give_up_the_rest(self) -> None:
        """Stop waiting for the tasks that are not back; they were kept at the end of their last leg."""
        for key in list(self._at_work):
            self._end(key, Kept(None))


async def _started(client: Client) -> None:
    await client


def _resources(worker: Mapping[str, Any]) -> list[str]:
    return list(worker.get("resources") or ())
