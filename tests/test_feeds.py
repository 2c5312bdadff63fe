from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from helpers.tiny import ByHand, draw, picture, randomise, tiny_pyramid
from singan.feeds import adversarial_input, reconstruction_input
from singan.geometry import Size
from singan.pyramid import Pyramid, TrainedLevel
from singan.resize import resize
from singan.switches import AdversarialMode, LevelFeed, ReconstructionMode, UpsampleType

BOTTOM, MIDDLE, TOP = Size(14, 12), Size(18, 15), Size(24, 20)
ADVERSARIAL: tuple[AdversarialMode, ...] = ("rand", "real_train")
RECONSTRUCTION: tuple[ReconstructionMode, ...] = ("rec", "real_train_rec")
UPSAMPLE: tuple[UpsampleType, ...] = ("regular", "sr")
ALL_FEEDS = [
    LevelFeed(*switches) for switches in itertools.product(ADVERSARIAL, RECONSTRUCTION, UPSAMPLE, UPSAMPLE)
]
"""Those of the study; what its ideas feed a level is in test_ideas_feeds."""
SEED = 11


def source(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def adversarial(feed: LevelFeed, pyramid: Pyramid, seed: int = SEED) -> Tensor:
    return adversarial_input(feed, pyramid, source(seed))


def through(level: TrainedLevel, noise: Tensor, image: Tensor) -> Tensor:
    """G(sigma * z + x, x) of a trained level, written out."""
    mixed = level.noise_amplitude * noise + image
    return ByHand(level.generator).generate(mixed, image, training=False).detach()


def up(image: Tensor, size: Size) -> Tensor:
    """Resized by 1/r, then cropped: 14x12 becomes 19x16, 18x15 becomes 24x20."""
    return resize(image, 1 / 0.75)[..., : size.height, : size.width]


def zeros(size: Size) -> Tensor:
    return torch.zeros(1, 3, *size, dtype=torch.float64)


def same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-12)


def test_there_are_16_feeds_and_the_default_is_the_original_training() -> None:
    assert len(set(ALL_FEEDS)) == 16
    assert LevelFeed() == LevelFeed("rand", "rec", "regular", "regular")


@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_level_0_is_fed_zeros(feed: LevelFeed) -> None:
    pyramid = tiny_pyramid()
    assert torch.equal(adversarial(feed, pyramid), zeros(BOTTOM))
    assert torch.equal(reconstruction_input(feed, pyramid), zeros(BOTTOM))


@pytest.mark.parametrize("mode", ADVERSARIAL)
def test_adversarial_input_of_level_1(mode: AdversarialMode) -> None:
    pyramid, random = tiny_pyramid(trained=1), source()
    # Both modes start from zeros here: rand always does, and real_0 counts as zeros.
    expected = up(through(pyramid.levels[0], draw(BOTTOM, random, 1), zeros(BOTTOM)), MIDDLE)
    assert same(adversarial(LevelFeed(adversarial=mode), pyramid), expected)
    again = through(pyramid.levels[0], draw(MIDDLE, random), expected)
    assert same(adversarial(LevelFeed(adversarial=mode, adversarial_upsample="sr"), pyramid), again)


def test_adversarial_input_rand_climbs_from_zeros_through_every_level() -> None:
    pyramid, random = tiny_pyramid(trained=2), source()
    image = up(through(pyramid.levels[0], draw(BOTTOM, random, 1), zeros(BOTTOM)), MIDDLE)
    image = up(through(pyramid.levels[1], draw(MIDDLE, random), image), TOP)
    assert same(adversarial(LevelFeed(), pyramid), image)
    image = through(pyramid.levels[1], draw(TOP, random), image)
    assert same(adversarial(LevelFeed(adversarial_upsample="sr"), pyramid), image)


def test_adversarial_input_real_train_starts_at_the_real_image_below() -> None:
    pyramid, random = tiny_pyramid(trained=2), source()
    image = up(through(pyramid.levels[1], draw(MIDDLE, random), pyramid.reals[1]), TOP)
    assert same(adversarial(LevelFeed(adversarial="real_train"), pyramid), image)
    image = through(pyramid.levels[1], draw(TOP, random), image)
    assert same(adversarial(LevelFeed(adversarial="real_train", adversarial_upsample="sr"), pyramid), image)


@pytest.mark.parametrize("mode", RECONSTRUCTION)
def test_reconstruction_input_of_level_1(mode: ReconstructionMode) -> None:
    pyramid = tiny_pyramid(trained=1)
    bottom = pyramid.levels[0]
    expected = up(through(bottom, bottom.anchor_noise, zeros(BOTTOM)), MIDDLE)
    assert same(reconstruction_input(LevelFeed(reconstruction=mode), pyramid), expected)
    # The extra pass takes z*_1, which is zeros, and not z*_0.
    again = through(bottom, zeros(MIDDLE), expected)
    feed = LevelFeed(reconstruction=mode, reconstruction_upsample="sr")
    assert same(reconstruction_input(feed, pyramid), again)


def test_reconstruction_input_rec_climbs_with_the_anchor_noise() -> None:
    pyramid = tiny_pyramid(trained=2)
    bottom, middle = pyramid.levels
    image = up(through(bottom, bottom.anchor_noise, zeros(BOTTOM)), MIDDLE)
    image = up(through(middle, zeros(MIDDLE), image), TOP)
    assert same(reconstruction_input(LevelFeed(), pyramid), image)
    image = through(middle, zeros(TOP), image)
    assert same(reconstruction_input(LevelFeed(reconstruction_upsample="sr"), pyramid), image)


def test_reconstruction_input_real_train_rec_starts_at_the_real_image_below() -> None:
    pyramid = tiny_pyramid(trained=2)
    image = up(through(pyramid.levels[1], zeros(MIDDLE), pyramid.reals[1]), TOP)
    feed = LevelFeed(reconstruction="real_train_rec")
    assert same(reconstruction_input(feed, pyramid), image)
    image = through(pyramid.levels[1], zeros(TOP), image)
    assert same(reconstruction_input(replace(feed, reconstruction_upsample="sr"), pyramid), image)


def test_anchor_noise_is_the_stored_one_even_where_it_is_not_zeros() -> None:
    pyramid = tiny_pyramid(trained=2)
    middle = replace(pyramid.levels[1], anchor_noise=picture(MIDDLE, 8))
    pyramid = replace(pyramid, levels=(pyramid.levels[0], middle))
    expected = up(through(middle, middle.anchor_noise, pyramid.reals[1]), TOP)
    assert same(reconstruction_input(LevelFeed(reconstruction="real_train_rec"), pyramid), expected)


@pytest.mark.parametrize("trained", [0, 1, 2])
@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_switches_without_effect_may_be_set_to_their_default(feed: LevelFeed, trained: int) -> None:
    pyramid, effective = tiny_pyramid(trained=trained), feed.effective_at(trained)
    assert torch.equal(adversarial(effective, pyramid), adversarial(feed, pyramid))
    assert torch.equal(reconstruction_input(effective, pyramid), reconstruction_input(feed, pyramid))


@pytest.mark.parametrize(("trained", "distinct"), [(0, 1), (1, 4), (2, 16)])
def test_feeds_that_differ_in_effect_really_feed_differently(trained: int, distinct: int) -> None:
    # Otherwise a switch would be without effect, and the same training would be done twice.
    pyramid = tiny_pyramid(trained=trained)
    feeds = {feed.effective_at(trained) for feed in ALL_FEEDS}
    both = [torch.cat([adversarial(feed, pyramid), reconstruction_input(feed, pyramid)]) for feed in feeds]
    alike = [torch.allclose(one, other, atol=1e-3) for one, other in itertools.combinations(both, 2)]
    assert len(feeds) == distinct
    assert not any(alike)


@pytest.mark.parametrize("trained", [1, 2])
@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_inputs_have_the_size_of_the_level_and_carry_no_gradients(feed: LevelFeed, trained: int) -> None:
    pyramid = tiny_pyramid(trained=trained)
    for image in (adversarial(feed, pyramid), reconstruction_input(feed, pyramid)):
        assert tuple(image.shape) == (1, 3, *pyramid.size(trained))
        assert not image.requires_grad
        assert not image.is_inference()  # it enters a training step


@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_adversarial_input_is_fresh_at_every_draw(feed: LevelFeed) -> None:
    pyramid, random = tiny_pyramid(trained=2), source()
    first, second = (adversarial_input(feed, pyramid, random) for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_reconstruction_input_is_always_the_same_and_draws_nothing(feed: LevelFeed) -> None:
    pyramid, before = tiny_pyramid(trained=2), torch.get_rng_state()
    first = reconstruction_input(feed, pyramid)
    torch.randn(5)
    assert torch.equal(first, reconstruction_input(feed, pyramid))
    torch.set_rng_state(before)
    reconstruction_input(feed, pyramid)
    assert torch.equal(torch.get_rng_state(), before)


class Watched(TrainedLevel):
    """A trained level that remembers the noise it was given."""

    noises: list[Tensor]

    def generate(self, noise: Tensor, previous: Tensor) -> Tensor:
        self.noises.append(noise)
        return super().generate(noise, previous)


def watched(level: TrainedLevel) -> Watched:
    copy = Watched(level.generator, level.discriminator, level.noise_amplitude, level.anchor_noise)
    object.__setattr__(copy, "noises", [])
    return copy


def channels(noise: Tensor) -> int:
    return len({tuple(channel.flatten().tolist()) for channel in noise[0]})


def test_noise_has_one_channel_at_level_0_and_three_in_the_extra_pass_of_sr() -> None:
    bottom = watched(tiny_pyramid(trained=1).levels[0])
    adversarial(LevelFeed(adversarial_upsample="sr"), replace(tiny_pyramid(), levels=(bottom,)))
    assert [channels(noise) for noise in bottom.noises] == [1, 3]
    assert [tuple(noise.shape[-2:]) for noise in bottom.noises] == [BOTTOM, MIDDLE]


@pytest.mark.parametrize("mode", ADVERSARIAL)
def test_noise_has_three_channels_above_level_0(mode: AdversarialMode) -> None:
    pyramid = tiny_pyramid(trained=2)
    middle = watched(pyramid.levels[1])
    pyramid = replace(pyramid, levels=(pyramid.levels[0], middle))
    adversarial(LevelFeed(adversarial=mode, adversarial_upsample="sr"), pyramid)
    assert [channels(noise) for noise in middle.noises] == [3, 3]


def test_real_modes_do_not_touch_the_levels_further_below() -> None:
    pyramid, other = tiny_pyramid(trained=2), tiny_pyramid(trained=2)
    randomise(other.levels[0].generator, 77)
    feed = LevelFeed("real_train", "real_train_rec", "sr", "sr")
    assert torch.equal(adversarial(feed, pyramid), adversarial(feed, other))
    assert torch.equal(reconstruction_input(feed, pyramid), reconstruction_input(feed, other))
    assert not torch.equal(adversarial(LevelFeed(), pyramid), adversarial(LevelFeed(), other))


def test_feeding_leaves_the_trained_levels_as_they_are() -> None:
    pyramid = tiny_pyramid(trained=2)
    before = [value.clone() for level in pyramid.levels for value in level.generator.state_dict().values()]
    adversarial(LevelFeed(adversarial_upsample="sr"), pyramid)
    reconstruction_input(LevelFeed(reconstruction_upsample="sr"), pyramid)
    after = [value for level in pyramid.levels for value in level.generator.state_dict().values()]
    assert all(map(torch.equal, after, before))
