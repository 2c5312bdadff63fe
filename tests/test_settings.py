from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny import unhurried
from singan.settings import TrainingSettings
from singan.stopping import StopRule

SMALL_LOSS = StopRule("small_rec_loss", after=199, below=0.025)


def test_defaults_are_the_published_constants() -> None:
    settings = TrainingSettings()
    assert (settings.epochs, settings.learning_rate, settings.adam_betas) == (2000, 5e-4, (0.5, 0.999))
    assert (settings.discriminator_steps, settings.generator_steps) == (3, 3)
    assert (settings.noise_weight, settings.anchor_noise, settings.base_width) == (0.1, "redrawn", 32)


def test_learning_rate_drops_to_a_tenth_at_epoch_1600_of_2000() -> None:
    settings = TrainingSettings()
    assert [settings.learning_rate_at(epoch) for epoch in (0, 1599)] == [5e-4, 5e-4]
    assert [settings.learning_rate_at(epoch) for epoch in (1600, 1999)] == pytest.approx([5e-5, 5e-5])


@pytest.mark.parametrize(("epochs", "drop"), [(2000, 1600), (50, 40), (10, 8), (5, 4)])
def test_learning_rate_drop_scales_with_the_epochs(epochs: int, drop: int) -> None:
    settings = TrainingSettings(epochs=epochs)
    rates = [settings.learning_rate_at(epoch) for epoch in range(epochs)]
    assert rates == pytest.approx([5e-4] * drop + [5e-5] * (epochs - drop))


def test_snapshots_every_200_of_2000_epochs_and_at_the_last() -> None:
    settings = TrainingSettings()
    taken = [epoch for epoch in range(2000) if settings.is_snapshot_epoch(epoch)]
    assert taken == [*range(0, 2000, 200), 1999]


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(50, [*range(0, 50, 5), 49]), (5, [0, 1, 2, 3, 4]), (10, list(range(10))), (1, [0])],
)
def test_snapshot_interval_scales_with_the_epochs(epochs: int, expected: list[int]) -> None:
    settings = TrainingSettings(epochs=epochs)
    assert [epoch for epoch in range(epochs) if settings.is_snapshot_epoch(epoch)] == expected


@unhurried
@given(epochs=st.integers(1, 5000))
def test_first_and_last_epoch_are_always_recorded(epochs: int) -> None:
    settings = TrainingSettings(epochs=epochs)
    assert settings.is_snapshot_epoch(0)
    assert settings.is_snapshot_epoch(epochs - 1)


@pytest.mark.parametrize(("epochs", "after"), [(2000, 199), (4000, 398), (200, 19), (50, 4), (5, 0)])
def test_floor_of_the_stop_rule_scales_and_its_threshold_does_not(epochs: int, after: int) -> None:
    assert TrainingSettings(epochs=epochs).scaled_stop(SMALL_LOSS) == StopRule("small_rec_loss", after, 0.025)


@pytest.mark.parametrize(
    ("epochs", "after", "window", "anneal"),
    [(2000, 199, 100, 200), (100, 9, 5, 10), (5, 0, 1, 1), (4000, 398, 200, 400)],
)
def test_epochs_of_a_plateau_scale_and_its_gain_does_not(
    epochs: int, after: int, window: int, anneal: int
) -> None:
    rule = StopRule("plateau_anneal", after=199, window=100, gain=0.02, anneal=200)
    scaled = TrainingSettings(epochs=epochs).scaled_stop(rule)
    assert scaled == StopRule("plateau_anneal", after=after, window=window, gain=0.02, anneal=anneal)


@unhurried
@given(epochs=st.integers(2, 5000), loss=st.floats(0, 10))
def test_dont_train_takes_two_epochs_in_every_profile(epochs: int, loss: float) -> None:
    rule = TrainingSettings(epochs=epochs).scaled_stop(StopRule("dont_train"))
    assert [rule.stops(done, [loss] * done) for done in (1, 2)] == [False, True]


def test_width_doubles_every_four_levels_up_to_128() -> None:
    settings = TrainingSettings()
    assert [settings.width_at(level) for level in range(13)] == [32] * 4 + [64] * 4 + [128] * 5
    assert settings.width_at(40) == 128


def test_narrower_networks_widen_in_the_same_steps() -> None:
    assert [TrainingSettings(base_width=8).width_at(level) for level in (0, 4, 8, 12)] == [8, 16, 32, 32]


@pytest.mark.parametrize("name", ["epochs", "base_width", "discriminator_steps", "generator_steps"])
@pytest.mark.parametrize("value", [0, -1])
def test_counts_below_one_are_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not {value}"):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]
