from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.store import PROVENANCE
from helpers.tiny_study import TinyStudy
from runner.execution.execute import Execution
from runner.execution.resources import Resources
from runner.images.load import LoadedImage
from runner.metrics.evaluate import Metrics, evaluate
from runner.planning.plan import Run
from runner.progress import PlainProgress
from runner.record.measure import Measuring
from runner.record.results import Results
from runner.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each picture measured had a ground truth, in order."""
    calls: list[bool] = []

    def counting(*arguments: Any, **options: Any) -> Metrics:
        calls.append(options["ground_truth"] is not None)
        return evaluate(*arguments, **options)

    monkeypatch.setattr("runner.record.measure.evaluate", counting)
    return calls


@pytest.fixture
def finished(tiny_study: TinyStudy, store: Store, tmp_path: Path) -> tuple[Run, LoadedImage]:
    """A run whose picture is in the store."""
    tiny_study.edit('images = ["dots"]\n', "")
    plan = tiny_study.plan("original")
    run = plan.runs[1]
    images = tiny_study.images
    execution = Execution(plan, images, store, Resources(), PlainProgress())
    assert execution.carry_out() == {}
    return run, images[run.image]


def test_a_picture_is_measured_once(
    finished: tuple[Run, LoadedImage], store: Store, evaluated: list[bool]
) -> None:
    first = Measuring(store, lambda: PROVENANCE).output(*finished)
    assert first == Measuring(store, lambda: PROVENANCE).output(*finished)
    assert evaluated == [], "whoever made the picture has measured it"
    assert first.metrics["niqe"] is None  # its parameters cannot be downloaded here
    assert first.metrics["psnr"] is None
    assert first.metrics["lr_psnr"] is not None


def test_ground_truth_counts_at_its_own_factor_only(
    finished: tuple[Run, LoadedImage], store: Store, evaluated: list[bool]
) -> None:
    run, image = finished
    height, width = (2 * side for side in image.size)
    truth = np.zeros((height, width, 3), dtype=np.uint8)
    known = LoadedImage(image.id, image.title, image.pixels, ground_truth={2: truth})
    assert Measuring(store, lambda: PROVENANCE).output(run, known).metrics["psnr"] is not None
    elsewhere = LoadedImage(image.id, image.title, image.pixels, ground_truth={4: truth})
    assert Measuring(store, lambda: PROVENANCE).output(run, elsewhere).metrics["psnr"] is None
    assert evaluated == [True], "without it, that is measured already"


def test_plain_enlargements_are_measured_by_filter_and_once(
    finished: tuple[Run, LoadedImage], store: Store, evaluated: list[bool]
) -> None:
    _, image = finished
    baselines = Measuring(store, lambda: PROVENANCE).baselines(image, 2)
    assert baselines.keys() == {"nearest", "bicubic", "lanczos"}
    assert baselines == Measuring(store, lambda: PROVENANCE).baselines(image, 2)
    assert len(evaluated) == 3


def test_a_damaged_picture_is_set_aside_and_made_again(
    tiny_study: TinyStudy, store: Store, tmp_path: Path
) -> None:
    plan, images = tiny_study.plan("original"), tiny_study.images

    def run_all() -> int:
        execution = Execution(plan, images, store, Resources(), PlainProgress())
        return execution.run_all(Results(tmp_path / "results", "tiny"), str).done

    assert run_all() == 2
    (metrics, *_) = (store.root / "metrics").glob("*/metrics.json")
    metrics.write_bytes(b"x" * metrics.stat().st_size)
    picture = store.root / "outputs" / plan.runs[0].output.key / "picture.webp"
    picture.write_bytes(b"x" * picture.stat().st_size)
    for shown in (tmp_path / "results").rglob("*.webp"):
        shown.unlink()
    assert run_all() == 2
    aside = {path.name.partition("-")[0] for path in (store.root / "damaged").iterdir()}
    assert aside == {"metrics", "outputs"}
