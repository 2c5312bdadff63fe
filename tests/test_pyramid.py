from __future__ import annotations

import pytest
import torch

from helpers.tiny import ByHand, picture, tiny_pyramid, trained_level
from singan.geometry import Size, pyramid_geometry
from singan.pyramid import build_pyramid
from singan.resize import resize, size_of


@pytest.mark.parametrize("size", [Size(120, 80), Size(73, 163), Size(55, 123), Size(20, 260), Size(300, 200)])
def test_real_images_have_the_sizes_of_the_geometry(size: Size) -> None:
    geometry = pyramid_geometry(size, 8)
    pyramid = build_pyramid(picture(size), geometry)
    assert tuple(map(size_of, pyramid.reals)) == geometry.sizes
    assert pyramid.size(0) == geometry.sizes[0]


def test_every_level_is_resized_from_the_working_image() -> None:
    image = picture(Size(40, 30))
    geometry = pyramid_geometry(size_of(image), 8)
    pyramid = build_pyramid(image, geometry)
    for level, real in enumerate(pyramid.reals):
        shrink = (18 / 30) ** (1 / geometry.last)
        assert torch.allclose(real, resize(image, shrink ** (geometry.last - level)), atol=1e-12)


def test_last_level_is_the_picture_itself_when_it_is_small() -> None:
    image = picture(Size(40, 30))
    pyramid = build_pyramid(image, pyramid_geometry(Size(40, 30), 8))
    assert torch.allclose(pyramid.reals[-1], image, atol=1e-12)


def test_large_picture_is_shrunk_before_the_levels_are_made() -> None:
    image = picture(Size(40, 500))
    pyramid = build_pyramid(image, pyramid_geometry(Size(40, 500), 8))
    assert size_of(pyramid.reals[-1]) == Size(20, 250)
    assert torch.allclose(pyramid.reals[-1], resize(resize(image, 0.5), 1), atol=1e-12)


def test_levels_are_added_one_by_one_without_changing_the_pyramid_below() -> None:
    empty = tiny_pyramid()
    one = empty.with_level(trained_level(0, empty.size(0)))
    assert (empty.next_level, one.next_level) == (0, 1)
    assert one.with_level(trained_level(1, one.size(1))).levels[0] is one.levels[0]


def test_trained_level_is_in_eval_mode_and_asks_for_no_gradients() -> None:
    level = trained_level(1, Size(14, 12))
    for network in (level.generator, level.discriminator):
        assert not any(module.training for module in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("size", [Size(14, 12), Size(30, 17)])
def test_trained_level_adds_its_noise_and_detail_by_running_statistics(size: Size) -> None:
    level = trained_level(1, Size(14, 12))
    noise, previous = picture(size, 1), picture(size, 2)
    before = {name: value.clone() for name, value in level.generator.state_dict().items()}
    generated = level.generate(noise, previous)
    mixed = level.noise_amplitude * noise + previous
    expected = ByHand(level.generator).generate(mixed, previous, training=False)
    assert torch.allclose(generated, expected.detach(), atol=1e-12)
    assert not generated.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in level.generator.state_dict().items())
