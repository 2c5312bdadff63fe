"""What learns to upsample into a level (algorithm.md 8)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from helpers.tiny import (
    CPU,
    ByHand,
    draw,
    picture,
    randomise,
    same_state,
    state_of,
    tiny_pyramid,
    trained_level,
)
from singan.checkpoint import dump_level, load_level
from singan.engines.batched import BatchedEngine
from singan.engines.plain import PlainEngine
from singan.feeds import adversarial_input, adversarial_inputs, enlarge, reconstruction_input
from singan.geometry import Size
from singan.level import (
    EpochReport,
    InterruptedTrainingError,
    LevelHistory,
    LevelState,
    LevelTask,
    TrainingCallback,
    learned_upsampler,
    prepare_inputs,
    prepare_state,
    train_level,
)
from singan.pyramid import Pyramid, TrainedLevel
from singan.resize import resize
from singan.resume import dump_training, restore_training
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.superres import super_resolve
from singan.switches import LevelFeed
from singan.upsampling import Upsampler, flips_and_rotations, fresh_upsampler, train_upsampler

BOTTOM, MIDDLE, TOP = Size(14, 12), Size(18, 15), Size(24, 20)
LEARNED = LevelFeed("rand", "rec", "learned", "learned")
TASK = LevelTask(LEARNED, StopRule(), TrainingSettings(epochs=6, base_width=4), 0, "aa")


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_upsampler(seed: int) -> Upsampler:
    upsampler = Upsampler().double().requires_grad_(False)
    randomise(upsampler, seed)
    return upsampler


def written_out(upsampler: Upsampler, image: Tensor) -> Tensor:
    """Bicubic plus a residual of three 3x3 convolutions, 3-16-16-3, with mirrored edges."""
    hidden = image
    for name in ("first", "second", "third"):
        layer = getattr(upsampler, name)
        padded = torch.cat([hidden[..., 1:2, :], hidden, hidden[..., -2:-1, :]], dim=-2)
        padded = torch.cat([padded[..., 1:2], padded, padded[..., -2:-1]], dim=-1)
        hidden = nn.functional.conv2d(padded, layer.weight, layer.bias)
        if name != "third":
            hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    return image + hidden


def with_upsamplers(trained: int) -> Pyramid:
    """Every trained level above 0, and the next one, have learned to upsample."""
    pyramid = tiny_pyramid(trained=trained)
    levels = [
        replace(level, upsampler=random_upsampler(n) if n else None) for n, level in enumerate(pyramid.levels)
    ]
    return replace(pyramid, levels=tuple(levels), upsampler=random_upsampler(trained) if trained else None)


def through(level: TrainedLevel, noise: Tensor, image: Tensor) -> Tensor:
    mixed = level.noise_amplitude * noise + image
    return ByHand(level.generator).generate(mixed, image, training=False).detach()


# The network and its training


def test_it_adds_three_convolutions_to_what_was_enlarged() -> None:
    upsampler, image = random_upsampler(3), picture(Size(9, 7))
    assert [tuple(p.shape[:2]) for p in upsampler.parameters() if p.ndim == 4] == [(16, 3), (16, 16), (3, 16)]
    torch.testing.assert_close(upsampler(image), written_out(upsampler, image), rtol=0, atol=1e-12)


def test_untrained_it_is_bicubic() -> None:
    image = picture(Size(9, 7))
    assert torch.equal(fresh_upsampler(source(), image)(image), image)
    assert torch.equal(train_upsampler(image, picture(Size(9, 7), 1), 0, source())(image), image)


def test_there_are_eight_flips_and_rotations() -> None:
    image = picture(Size(3, 2))
    upright, sideways = flips_and_rotations(image)
    assert (tuple(upright.shape), tuple(sideways.shape)) == ((4, 3, 3, 2), (4, 3, 2, 3))
    assert len({tuple(each.flatten().tolist()) for each in (*upright, *sideways)}) == 8
    for one in (*upright, *sideways):
        assert sorted(one.flatten().tolist()) == sorted(image.flatten().tolist())


def test_the_first_step_of_adam_goes_against_the_slope_of_the_mean_squared_error() -> None:
    """At the start only the last convolution can move anything; its slope is that of finite differences."""
    enlarged, real = picture(Size(7, 6)), picture(Size(7, 6), 1)
    before, after = fresh_upsampler(source(), real), train_upsampler(enlarged, real, 1, source())

    def error() -> float:
        with torch.no_grad():
            images, truths = flips_and_rotations(enlarged), flips_and_rotations(real)
            parts = [((before(a) - b) ** 2).mean() for a, b in zip(images, truths, strict=True)]
            return float(sum(parts) / 2)

    bias = before.third.bias
    assert bias is not None
    slope = torch.zeros(3, dtype=torch.float64)
    for index in range(3):
        values = []
        for shift in (1e-5, -1e-5):
            with torch.no_grad():
                bias[index] += shift
            values.append(error())
            with torch.no_grad():
                bias[index] -= shift
        slope[index] = (values[0] - values[1]) / 2e-5
    assert float(slope.abs().min()) > 1e-4
    assert after.third.bias is not None
    torch.testing.assert_close(after.third.bias.detach(), -1e-3 * slope.sign(), rtol=1e-3, atol=0)


def test_training_takes_away_error_that_can_be_learned() -> None:
    enlarged = picture(Size(12, 10))
    brighter = enlarged * 0.8 + 0.1
    upsampler = train_upsampler(enlarged, brighter, 100, source())
    before, after = ((x - brighter).square().mean() for x in (enlarged, upsampler(enlarged)))
    assert float(after) < 0.3 * float(before)


def test_equal_seeds_learn_equally_and_touch_no_other_randomness() -> None:
    pair, state = (picture(Size(7, 6)), picture(Size(7, 6), 1)), torch.get_rng_state()
    one, same, other = (train_upsampler(*pair, 3, source(seed)) for seed in (1, 1, 2))
    assert same_state(state_of(one), state_of(same))
    assert not same_state(state_of(one), state_of(other))
    assert torch.equal(torch.get_rng_state(), state)


def test_it_is_trained_on_the_real_images_of_its_level_and_the_one_below() -> None:
    pyramid = tiny_pyramid(trained=2)
    task = replace(TASK, feed=LevelFeed(reconstruction_upsample="learned"))
    pair = (enlarge(pyramid.reals[1], pyramid, 2), pyramid.reals[2])
    assert torch.equal(pair[0], resize(pyramid.reals[1], 1 / 0.75)[..., :24, :20])
    made = learned_upsampler(pyramid, task, steps=4)
    assert made is not None
    drawn = made(pair[0])
    assert float(nn.functional.mse_loss(drawn, pair[1])) < float(nn.functional.mse_loss(*pair))
    assert learned_upsampler(pyramid, replace(task, feed=LevelFeed()), steps=4) is None
    assert learned_upsampler(tiny_pyramid(), task, steps=4) is None


@pytest.mark.parametrize(("epochs", "steps"), [(2000, 300), (100, 300), (99, 297), (5, 15)])
def test_three_hundred_steps_but_no_more_than_three_an_epoch(epochs: int, steps: int) -> None:
    assert TrainingSettings(epochs=epochs).upsampler_steps == steps


# What a level is fed


def test_every_resize_on_the_way_up_passes_the_upsampler_of_the_level_it_leads_to() -> None:
    pyramid, random = with_upsamplers(2), source(11)
    bottom, middle = pyramid.levels
    assert middle.upsampler is not None
    assert pyramid.upsampler is not None
    image = through(bottom, draw(BOTTOM, random, 1), torch.zeros(1, 3, *BOTTOM, dtype=torch.float64))
    image = written_out(middle.upsampler, resize(image, 1 / 0.75)[..., :18, :15])
    image = through(middle, draw(MIDDLE, random), image)
    image = written_out(pyramid.upsampler, resize(image, 1 / 0.75)[..., :24, :20])
    made = adversarial_input(LevelFeed(adversarial_upsample="learned"), pyramid, source(11))
    torch.testing.assert_close(made, image, rtol=0, atol=1e-12)


def test_the_reconstruction_input_goes_up_the_same_way() -> None:
    pyramid = with_upsamplers(2)
    assert pyramid.upsampler is not None
    image = through(pyramid.levels[1], torch.zeros(1, 3, *MIDDLE, dtype=torch.float64), pyramid.reals[1])
    image = written_out(pyramid.upsampler, resize(image, 1 / 0.75)[..., :24, :20])
    made = reconstruction_input(LevelFeed("rand", "real_train_rec", "regular", "learned"), pyramid)
    torch.testing.assert_close(made, image, rtol=0, atol=1e-12)


def test_an_input_that_is_not_learned_keeps_to_bicubic() -> None:
    pyramid = with_upsamplers(2)
    made = adversarial_input(LevelFeed(reconstruction_upsample="learned"), pyramid, source(11))
    plain = adversarial_input(LevelFeed(), tiny_pyramid(trained=2), source(11))
    assert torch.equal(made, plain)


@pytest.mark.parametrize("feed", [LEARNED, LevelFeed("mixed", "mixed_rec", "learned", "regular")], ids=str)
def test_both_engines_train_alike_on_learned_inputs(feed: LevelFeed) -> None:
    task, pyramid = replace(TASK, feed=feed), with_upsamplers(2)
    outcomes = []
    for engine in (PlainEngine(), BatchedEngine()):
        state, inputs = prepare_state(pyramid, task), prepare_inputs(pyramid, task)
        losses = []
        for _ in range(3):
            losses.append(engine.train_epoch(state, inputs, task.settings).losses)
            state.epochs_done += 1
        outcomes.append((torch.stack(losses), state_of(state.generator)))
    (plain, weights), (batched, others) = outcomes
    torch.testing.assert_close(batched, plain, rtol=1e-9, atol=1e-9)
    for name, weight in weights.items():
        assert torch.allclose(others[name], weight, rtol=1e-9, atol=1e-9), name


def test_inputs_drawn_together_are_those_drawn_one_by_one() -> None:
    pyramid, one, together = with_upsamplers(2), source(1), source(1)
    expected = torch.cat([adversarial_input(LEARNED, pyramid, one) for _ in range(3)])
    torch.testing.assert_close(adversarial_inputs(LEARNED, pyramid, together, 3), expected)


# With the level


def test_a_level_is_stored_with_what_it_learned_and_without_where_it_learned_nothing() -> None:
    level = replace(trained_level(1, MIDDLE), upsampler=random_upsampler(4))
    read = load_level(dump_level(level), CPU)
    assert read.upsampler is not None
    assert level.upsampler is not None
    assert same_state(state_of(read.upsampler), state_of(level.upsampler))
    assert not any(parameter.requires_grad for parameter in read.upsampler.parameters())
    assert load_level(dump_level(trained_level(1, MIDDLE)), CPU).upsampler is None


def test_training_a_level_keeps_its_upsampler_and_counts_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(TASK, feed=LevelFeed(), settings=replace(TASK.settings, epochs=1))
    learned = replace(plain, feed=LEARNED)
    level, _history = train_level(tiny_pyramid(trained=1), learned, PlainEngine())
    assert level.upsampler is not None
    assert float(level.upsampler.third.weight.abs().max()) > 0
    ticks = iter(range(10**6))
    monkeypatch.setattr("singan.stopwatch.time.perf_counter", lambda: next(ticks))
    seconds = [
        train_level(tiny_pyramid(trained=1), task, PlainEngine())[1].seconds for task in (plain, learned)
    ]
    assert seconds[1] == seconds[0] + 1  # a lap more


def test_super_resolution_resizes_by_the_last_levels_upsampler() -> None:
    top = replace(trained_level(2, Size(20, 18), width=2), upsampler=random_upsampler(5))
    assert top.upsampler is not None
    image, random = picture(Size(20, 18)), source(4)
    for step, size in enumerate((Size(25, 23), Size(31, 29))):
        image = written_out(top.upsampler, resize(image, 1.5**0.5))
        image = through(top, draw(size, random, channels=1 if step == 0 else 3), image)
    made = super_resolve(top, picture(Size(20, 18)), 1.5, source(4))
    torch.testing.assert_close(made, image[..., :30, :27].clamp(-1, 1), rtol=0, atol=1e-9)


class Desk(TrainingCallback):
    """Keeps a training in memory, and stops it after some epochs."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.stop_after, self.done = 0, 0

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        if self.kept is not None:
            restore_training(self.kept, state, history)

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self.kept = dump_training(state, history)

    def epoch_done(self, report: EpochReport) -> None:
        self.done = report.epochs_done

    def wants_stop(self) -> bool:
        return self.done == self.stop_after


@pytest.mark.parametrize("stops", [[1], [2, 4]], ids=str)
def test_an_interrupted_level_that_learned_to_upsample_resumes_bit_identically(
    stops: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, expected_history = train_level(tiny_pyramid(trained=1), TASK, PlainEngine())
    desk = Desk()
    for before, desk.stop_after in pairwise([0, *stops]):
        with pytest.raises(InterruptedTrainingError):
            train_level(tiny_pyramid(trained=1), TASK, PlainEngine(), desk)
        if before == 0:  # what was learned is kept, and not learned again
            monkeypatch.setattr("singan.level.train_upsampler", None)
    desk.stop_after = 0
    resumed, history = train_level(tiny_pyramid(trained=1), TASK, PlainEngine(), desk)
    assert dump_level(resumed) == dump_level(expected)
    assert history.losses == expected_history.losses
