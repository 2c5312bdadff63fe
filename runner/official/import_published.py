"""Import every trained folder of the author's that the study names, each as the run it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from runner.official.import_run import ImportRequest, import_official
from runner.official.match_image import Wanted
from runner.progress import Progress
from runner.store.store import Store
from runner.study.load import load_study
from runner.study.schema import Experiment, Study
from singan.errors import UserError


@dataclass(frozen=True)
class ImportedFolders:
    """How many of the folders that the study names were imported, were not there, and were refused."""

    imported: int
    missing: int
    refused: int


def import_published(
    root: Path,
    study_path: Path,
    profile_name: str,
    results_root: Path,
    store: Store,
    device: torch.device,
    progress: Progress,
    tell: Callable[[str], None],
) -> ImportedFolders:
    """Import what a clone of the author's repository at `root` holds; `tell` is called for every folder.

    A folder that is missing or refused does not keep the others out. Raises `UserError` when the study names
    no folders, or none of them is there.
    """
    study = load_study(study_path)
    named = list(_named(study))
    if not named:
        raise UserError(
            "names no trained folders",
            where=str(study_path),
            right='name them as published.<image>.trained = "TrainedModels/..." of an experiment',
        )
    there = [folder for _, _, folder in named if (root / folder).is_dir()]
    if not there:
        raise UserError(
            f"holds none of the {len(named)} trained folders that the study names, as {named[0][2]}",
            where=str(root),
            right=f"name a clone of {study.study.repository}",
        )
    imported = refused = 0
    for experiment, image, folder in named:
        run = f"{experiment.id} on {image}"
        if folder not in there:
            tell(f"{run}: missing, there is no {root / folder}")
            continue
        request = ImportRequest(root / folder, study_path, profile_name, experiment.id, Wanted(image))
        told: list[str] = []
        try:
            found = import_official(request, results_root, store, device, progress, told.append)
        except UserError as error:
            refused += 1
            tell(f"{run}: refused: {' '.join(str(error).split())}")
        else:
            imported += 1
            tell("; ".join((f"{run}: {len(found.run.levels)} levels of {folder} imported", *told)))
    return ImportedFolders(imported, len(named) - len(there), refused)


def _named(study: Study) -> Iterator[tuple[Experiment, str, str]]:
    """Experiment, image and folder of every trained folder that the study names."""
    for experiment in study.experiment.values():
        for image, published in experiment.published.items():
            if published.trained is not None:
                yield experiment, image, published.trained
