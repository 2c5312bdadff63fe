"""The tiny study carried out without a command line."""

from __future__ import annotations

from pathlib import Path

from helpers.tiny_study import TinyStudy
from runner.execution.execute import Execution, Outcome
from runner.execution.executors.interface import Executor
from runner.execution.resources import Resources
from runner.planning.plan import Plan
from runner.record.results import Results
from runner.store.store import WEIGHTS, Store


class Silent:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, work: float) -> None: ...
    def start(self, label: str, cost: float) -> None: ...
    def update(self, fraction: float, detail: str) -> None: ...
    def update_several(self, done: float, cost: float, detail: str) -> None: ...
    def finish(self, outcome: str) -> None: ...

    def wants_update(self) -> bool:
        return True

    def say(self, line: str) -> None:
        self.lines.append(line)


class Lab:
    """A store and a results folder for one tiny study."""

    def __init__(self, tiny: TinyStudy, folder: Path) -> None:
        self.tiny = tiny
        self.store = Store(folder / "store")
        self.store.prepare()
        self.results = Results(folder / "results", "tiny")
        self.progress = Silent()

    def run(
        self, plan: Plan | None = None, *, force: bool = False, executor: Executor | None = None
    ) -> Outcome:
        plan, place = plan or self.tiny.plan(), Resources()
        execution = Execution(
            plan, self.tiny.images, self.store, place, self.progress, force, executor=executor
        )
        return execution.run_all(self.results, lambda run: f"singan run {run}")

    def weights(self) -> dict[str, bytes]:
        return {path.parent.name: path.read_bytes() for path in self.store.root.glob(f"levels/*/{WEIGHTS}")}

    def record(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.results.folder)): path.read_bytes()
            for path in self.results.folder.rglob("*")
            if path.is_file()
        }
