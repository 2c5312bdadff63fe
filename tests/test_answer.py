"""The sentences that answer the study, and the plot they can be read from: no more than the record says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers.records import Synthetic, small_study, write_published_figures, write_results
from runner.metrics.statistics import Scatter
from runner.publish.content.answer import answer
from runner.publish.content.comparison import Scatters, SeedScatter, seed_scatters
from runner.publish.content.labels import Box
from runner.publish.content.tradeoff import TradeOffs, trade_offs
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.record.results import run_name

EXPERIMENTS = ("original", "early-stop", "real-b", "real-g")


def data_of(
    folder: Path,
    measured: Mapping[str, Mapping[str, float]],
    what: Synthetic | None = None,
    *,
    published: bool = False,
) -> SiteData:
    """A record of one image: every experiment measures as the original, but for these figures."""
    study = small_study(EXPERIMENTS, ("colosseum",))
    results = write_results(folder, study, what or Synthetic(profile="paper"))
    for run in results.runs():
        if run.output is not None:
            metrics = {"lr_psnr": 22.0, "niqe": 3.0, "blur": 0.3, **measured.get(run.experiment, {})}
            output = run.output.model_copy(update={"metrics": metrics})
            name = run_name(run.experiment, run.image, study.study.factor, run.seed)
            results.write(name, run.model_copy(update={"output": output}))
    if published:
        write_published_figures(folder, study, results)
    return gather(study, folder)


def sentences(data: SiteData, scatters: Scatters | None = None) -> list[str]:
    found = answer(data, seed_scatters(data) if scatters is None else scatters).sentences
    return ["".join(part if isinstance(part, str) else part.id for part in words) for words in found]


def basis(data: SiteData) -> str:
    return answer(data, seed_scatters(data)).basis


def test_the_first_sentence_counts_and_names_what_is_better_and_what_is_wrecked(tmp_path: Path) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 25.0}, "real-g": {"lr_psnr": 10.0, "niqe": 1.0}})
    first, *_ = sentences(data)
    assert first == (
        "Of 3 variants trained here on Colosseum, 1 is better than the original training (real-b), "
        "1 is much worse (real-g)."
    )
    named = [experiment.id for experiment in answer(data, seed_scatters(data)).named]
    assert named == ["real-b", "real-g"], "each once, though several sentences name it"
    assert basis(data).startswith("Profile Paper, 2000 epochs a level; one seed. Better:")
    assert "hint" not in basis(data)


def test_where_nothing_is_better_it_says_none(tmp_path: Path) -> None:
    first, *_ = sentences(
        data_of(tmp_path, {"real-b": {"lr_psnr": 25.0, "niqe": 4.0}, "real-g": {"blur": 0.1}})
    )
    assert first == "Of 3 variants trained here on Colosseum, none is better than the original training."


def test_images_on_which_not_every_variant_was_trained_are_alternatives(tmp_path: Path) -> None:
    study = small_study(EXPERIMENTS)
    left_out: list[tuple[str, str]] = []
    for images in ("Stone face and Colosseum", "Stone face or Colosseum"):
        results = tmp_path / str(len(left_out))
        write_results(results, study, Synthetic(profile="paper", left_out=left_out))
        first, *_ = sentences(gather(study, results))
        assert first.startswith(f"Of 3 variants trained here on {images}, ")
        left_out.append(("real-g", "stone-face"))


def test_what_is_worse_is_told_beside_what_is_much_worse(tmp_path: Path) -> None:
    worse, wrecked = {"lr_psnr": 19.5, "niqe": 3.0}, {"lr_psnr": 1.0, "niqe": 3.0}
    first, *_ = sentences(data_of(tmp_path, {"real-b": worse, "real-g": wrecked}))
    assert first == (
        "Of 3 variants trained here on Colosseum, none is better than the original training, "
        "1 is much worse (real-g), 1 is worse (real-b)."
    )


def test_what_other_seeds_may_explain_is_neither_called_better_nor_said_to_lose_nothing(
    tmp_path: Path,
) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 23.0}, "real-g": {"lr_psnr": 1.0}})
    rough = SeedScatter(Scatter(2.0, 2), ("original",))
    scatters = {("colosseum", "x8", name): rough for name in ("lr_psnr", "niqe", "blur")}
    first, second, *_ = sentences(data, scatters)
    assert first == (
        "Of 3 variants trained here on Colosseum, none is shown to be better than the original training, "
        "1 is much worse (real-g); 2 differ from it by no more than seeds may."
    )
    assert second.startswith("The fastest that seems to lose no more than a little on any image, ")


def test_a_gain_that_seeds_do_not_explain_is_told_from_what_they_may_explain(tmp_path: Path) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 42.0}, "real-g": {"lr_psnr": 1.0}})
    rough = SeedScatter(Scatter(2.0, 2), ("original",))
    first, second, *_ = sentences(data, {("colosseum", "x8", name): rough for name in ("lr_psnr", "niqe")})
    assert first == (
        "Of 3 variants trained here on Colosseum, none is shown to be better than the original training, "
        "1 is much worse (real-g); 1 seems to gain in a measure, and may lose in the other (real-b); "
        "1 differs from it by no more than seeds may."
    )
    assert second.startswith("The fastest that seems to lose no more than a little on any image, ")


def test_an_image_without_an_original_is_none_on_which_variants_were_compared(tmp_path: Path) -> None:
    study = small_study(EXPERIMENTS)
    write_results(tmp_path, study, Synthetic(profile="paper", left_out=[("original", "stone-face")]))
    first, *_ = sentences(gather(study, tmp_path))
    assert first.startswith("Of 3 variants trained here on Colosseum, ")


def test_what_loses_by_one_measure_is_not_the_fastest_that_loses_at_most_slightly(tmp_path: Path) -> None:
    measured = {name: {"lr_psnr": 25.0, "niqe": 5.0} for name in EXPERIMENTS[1:]}
    first, *rest = sentences(data_of(tmp_path, measured))
    assert first == "Of 3 variants trained here on Colosseum, none is better than the original training."
    assert rest == [], "better by one measure, worse by the other: none can be named the fastest"


def test_the_second_sentence_is_about_the_fastest_that_loses_at_most_slightly(tmp_path: Path) -> None:
    nearly = {"niqe": 3.01}
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 10.0}, "early-stop": nearly, "real-g": nearly})
    ratios = {
        name: data.cell(name, "colosseum").timing.measured.ratio or 1.0 for name in ("early-stop", "real-g")
    }
    fastest = min(ratios, key=lambda name: ratios[name])
    _, second = sentences(data)
    if ratios[fastest] < 1:
        assert f"{fastest}, takes {ratios[fastest]:.2f} of its training time" in second
    else:
        assert second == "None that loses at most slightly trains faster."
    assert "real-b" not in second


def test_what_loses_on_one_image_is_not_the_fastest_that_loses_nowhere(tmp_path: Path) -> None:
    study = small_study(EXPERIMENTS)
    results = write_results(tmp_path, study, Synthetic(profile="paper"))
    for run in results.runs():
        assert run.output is not None
        off = {"stone-face": -9.0, "colosseum": 9.0}[run.image] if run.experiment != "original" else 0.0
        output = run.output.model_copy(update={"metrics": {"lr_psnr": 22.0 + off, "niqe": 3.0}})
        name = run_name(run.experiment, run.image, study.study.factor, run.seed)
        results.write(name, run.model_copy(update={"output": output}))
    (only,) = sentences(gather(study, tmp_path))
    assert only.startswith("Of 3 variants"), "none can be named the fastest"


def test_a_rule_that_never_stopped_a_level_is_no_faster_training(tmp_path: Path) -> None:
    (_, second) = sentences(data_of(tmp_path, {"real-b": {"lr_psnr": 10.0}, "real-g": {"niqe": 2.9}}))
    assert "early-stop" not in second, "all its measures are the original's"


def test_a_profile_of_a_few_epochs_says_that_it_says_nothing(tmp_path: Path) -> None:
    (only,) = sentences(data_of(tmp_path, {"real-b": {"lr_psnr": 25.0}}, Synthetic()))
    epochs = small_study().profile["smoke"].epochs
    assert only == (
        f"Trained for {epochs} of 2000 epochs a level, the runs here show that all of it works, "
        "and nothing more."
    )


def test_another_profile_hints_at_most(tmp_path: Path) -> None:
    assert "a hint at most" in basis(data_of(tmp_path / "a", {}, Synthetic()))
    stood_in = Synthetic(profile="paper", stand_ins=["colosseum"])
    assert "a hint at most" in basis(data_of(tmp_path / "b", {}, stood_in))


def test_without_a_variant_beside_the_original_it_answers_nothing(tmp_path: Path) -> None:
    others = [(name, "colosseum") for name in EXPERIMENTS[1:]]
    data = data_of(tmp_path, {}, Synthetic(profile="paper", left_out=others))
    (only,) = sentences(data)
    assert only.startswith("No variant has been trained in this record")
    assert trade_offs(data) is None


def test_the_authors_pictures_are_told_apart_from_what_was_trained_here(tmp_path: Path) -> None:
    *_, last = sentences(data_of(tmp_path, {}, published=True))
    assert last == (
        "By the 3 pictures of 3 variants that the author published, 3 are better than his original on every "
        "image shown (early-stop, real-b and real-g)."
    )


def plots(data: SiteData) -> TradeOffs:
    found = trade_offs(data)
    assert found is not None
    return found


def test_the_plot_has_a_dot_a_run_and_a_ring_where_minutes_were_published(tmp_path: Path) -> None:
    found = plots(data_of(tmp_path, {"real-b": {"lr_psnr": 25.0}}, published=True))
    rings = {run.experiment for run in found.runs if run.is_published}
    assert rings == {"early-stop", "real-b"}, "of real-g no minutes were published"
    assert {run.experiment for run in found.runs if not run.is_published} == set(EXPERIMENTS[1:])
    by_name = {plot.name: plot for plot in found.plots}
    assert list(by_name) == ["lr_psnr", "niqe", "blur"]


def test_up_is_good_and_left_is_fast_by_every_measure(tmp_path: Path) -> None:
    good = {"lr_psnr": 25.0, "niqe": 2.0, "blur": 0.2}
    found = plots(data_of(tmp_path, {"real-b": good, "real-g": {"lr_psnr": 10.0, "niqe": 9.0, "blur": 0.9}}))
    for plot in found.plots:
        for drawing in plot.drawings:
            at = {dot.run.experiment: dot for dot in drawing.dots}
            assert at["real-b"].y < drawing.origin[1] < at["real-g"].y
            for dot in drawing.dots:
                assert (dot.x < drawing.origin[0]) == (dot.run.time < 1) or dot.run.time == 1


def test_labels_of_the_plot_meet_no_other_and_stay_inside(tmp_path: Path) -> None:
    for plot in plots(data_of(tmp_path, {"real-b": {"lr_psnr": 22.1}}, published=True)).plots:
        for drawing in plot.drawings:
            left, top, right, bottom = drawing.area
            boxes = []
            for dot in drawing.dots:
                assert left <= dot.x <= right
                assert top <= dot.y <= bottom
                if dot.label is not None:
                    (x, y), half = dot.label, 3 * len(dot.run.experiment)
                    boxes.append(Box(x - half, y - 6, x + half, y + 6))
            assert boxes
            for index, box in enumerate(boxes):
                assert not any(box.meets(other) for other in boxes[:index])
