"""Which pictures a viewer offers, and which it opens with."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from helpers.records import Synthetic, small_study, write_results
from runner.publish.content.viewer import Viewer, experiment_viewer, image_choices, image_viewer
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.publish.site import build_site
from runner.record.results import Results


def data_of(folder: Path, what: Synthetic | None = None) -> SiteData:
    study = small_study()
    write_results(folder / "results", study, what)
    return gather(study, folder / "results")


def ids(viewer: Viewer) -> list[list[str]]:
    return [[choice.id for choice in group.choices] for group in viewer.groups]


def on_experiment(data: SiteData, experiment: str, image: str) -> Viewer:
    cell, original = data.cell(experiment, image), data.cell("original", image)
    return experiment_viewer(image_choices(cell.image, data), cell, original)


def test_every_picture_is_offered_by_groups_of_the_study(tmp_path: Path) -> None:
    data = data_of(tmp_path, Synthetic(stand_ins=["stone-face"], seeds=(0, 1)))
    viewer = on_experiment(data, "real-b", "stone-face")
    assert [group.title for group in viewer.groups] == [
        "Input and ground truth",
        "Baselines",
        "Train with the real image",
    ]
    assert ids(viewer) == [
        ["input.nearest", "input.bicubic", "truth.x4"],
        ["original", "original.x8-seed1", "early-stop", "early-stop.x8-seed1"],
        ["real-a", "real-a.x8-seed1", "real-b", "real-b.x8-seed1"],
    ]
    with_levels = {c.id for group in viewer.groups for c in group.choices if c.levels}
    assert with_levels == {"original", "original.x8-seed1", "real-b", "real-b.x8-seed1"}


def test_an_experiment_stands_beside_input_and_original(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    assert on_experiment(data, "real-b", "colosseum").opens_with == ("input.bicubic", "original", "real-b")
    assert on_experiment(data, "original", "colosseum").opens_with == (
        "input.nearest",
        "input.bicubic",
        "original",
    )


def test_an_image_opens_with_runs_that_have_a_picture(tmp_path: Path) -> None:
    data = data_of(
        tmp_path, Synthetic(failed=[("early-stop", "stone-face")], left_out=[("real-a", "stone-face")])
    )
    image = next(image for image in data.images if image.image.id == "stone-face")
    viewer = image_viewer(image, data, data.cell("original", "stone-face"))
    assert viewer.opens_with == ("input.bicubic", "original", "real-b")
    labels = {choice.id: choice.label for group in viewer.groups for choice in group.choices}
    assert labels["early-stop"].endswith(" (failed)")
    assert labels["real-a"].endswith(" (not run)")


def test_imported_runs_of_one_seed_have_names_of_their_own(tmp_path: Path) -> None:
    study = small_study()
    results = write_results(tmp_path / "results", study)
    (run,) = [r for r in results.runs() if (r.experiment, r.image) == ("real-b", "colosseum")]
    for number in (1, 2, 3):
        imported = run.model_copy(update={"imported_from": f"folder {number}", "levels": ()})
        results.write(f"runs/real-b/colosseum/x8-seed0-imported-{number}", imported)
    data = gather(study, tmp_path / "results")
    names = [name for group in ids(on_experiment(data, "real-b", "colosseum")) for name in group]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("real-b.")] == [
        "real-b.x8-seed0",
        "real-b.x8-seed0-2",
        "real-b.x8-seed0-3",
    ]


def test_the_frame_is_that_of_the_enlarged_input(tmp_path: Path) -> None:
    viewer = on_experiment(data_of(tmp_path), "real-b", "stone-face")
    assert viewer.frame == (160, 240)
    assert viewer.shape == "tall"


def test_every_address_a_viewer_may_load_is_there(tmp_path: Path) -> None:
    study = small_study()
    write_results(tmp_path / "results", study, Synthetic(seeds=(0, 1)))
    build_site(study, tmp_path / "results", tmp_path / "site")
    found = set()
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        found |= set(re.findall(r'data-(?:src|thumb)="([^"]*)"', text))
        for levels in re.findall(r"data-levels='([^']*)'", text):
            found |= {level["src"] for level in json.loads(html.unescape(levels))}
    assert len(found) > len(list(Results(tmp_path / "results", "smoke").runs()))
    assert [address for address in found if not (tmp_path / "site" / address).is_file()] == []
