from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from helpers.tiny import unhurried
from singan.errors import UserError
from singan.geometry import (
    PyramidGeometry,
    Size,
    factor_text,
    pyramid_geometry,
    scaled,
    sr_output_size,
    sr_step_sizes,
    sr_steps,
    step_ratio,
    working_scale,
    working_size,
)

STONE_FACE, COWS, COLOSSEUM = Size(120, 80), Size(73, 163), Size(55, 123)
STUDY_PYRAMIDS = {
    STONE_FACE: "18x27 22x33 27x40 32x48 38x57 46x69 56x83 67x100 80x120",
    COWS: "41x18 50x22 60x27 74x33 90x41 110x49 134x60 163x73",
    COLOSSEUM: "41x18 51x23 63x29 79x36 99x44 123x55",
}

pictures = st.builds(Size, st.integers(18, 700), st.integers(18, 700))
factors = st.sampled_from([1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 16.0])


def wide_first(text: str) -> Size:
    width, height = map(int, text.split("x"))
    return Size(height, width)


def geometry_or_none(picture: Size, factor: float) -> PyramidGeometry | None:
    """None where the picture is refused; any other error is a failure."""
    try:
        return pyramid_geometry(picture, factor)
    except UserError:
        return None


def levels_of_contract(picture: Size, factor: float) -> int:
    """N of algorithm.md 1, step by step; discards pictures where rounding noise decides."""
    height, width = picture
    shrink = 1 / factor ** (1 / round(3 * math.log2(factor)))
    number = math.log(18 / min(height, width)) / math.log(shrink)
    cut = math.log(min(250, max(height, width)) / max(1, width)) / math.log(shrink)
    assume(all(abs(value - round(value)) > 1e-6 or round(value) == 0 for value in (number, cut)))
    return math.trunc(number) + 1 - math.trunc(cut)


@pytest.mark.parametrize("picture", STUDY_PYRAMIDS)
def test_study_images_have_exactly_the_published_sizes(picture: Size) -> None:
    expected = tuple(map(wide_first, STUDY_PYRAMIDS[picture].split()))
    assert pyramid_geometry(picture, 8).sizes == expected


def test_sizes_are_written_width_first() -> None:
    assert str(STONE_FACE) == "80x120"


@pytest.mark.parametrize(
    ("picture", "output"), [(STONE_FACE, "640x960"), (COWS, "1304x584"), (COLOSSEUM, "984x440")]
)
def test_super_resolution_by_8_has_the_published_size(picture: Size, output: str) -> None:
    assert sr_output_size(picture, 8) == wide_first(output)


@pytest.mark.parametrize(("factor", "steps"), [(1.5, 2), (2, 3), (3, 5), (4, 6), (8, 9), (16, 12)])
def test_number_of_super_resolution_steps(factor: float, steps: int) -> None:
    assert sr_steps(factor) == steps
    assert step_ratio(factor) ** steps == pytest.approx(factor)


@pytest.mark.parametrize("factor", [1, 0, -2, math.nan, math.inf, -math.inf, 1.1, 1.0000001, 16.0000001, 1e9])
def test_useless_factor_is_refused_in_one_line_that_says_what_is_right(factor: float) -> None:
    with pytest.raises(UserError) as refusal:
        pyramid_geometry(STONE_FACE, factor)
    message = str(refusal.value)
    assert f"factor {factor_text(factor)}" in message
    assert "at least 1.13 and at most 16" in message
    assert "\n" not in message


def test_the_bounds_named_in_a_refusal_are_accepted_themselves() -> None:
    assert sr_steps(1.13) == 1
    assert sr_steps(16) == 12


@pytest.mark.parametrize("picture", [Size(10, 10), Size(18, 1000), Size(1000, 18), Size(17, 250)])
def test_too_small_picture_is_refused_in_one_line(picture: Size) -> None:
    with pytest.raises(UserError, match=f"{picture} pixels is too small.*at least 18 px") as refusal:
        pyramid_geometry(picture, 8)
    assert "\n" not in str(refusal.value)


def test_smallest_picture_is_accepted() -> None:
    geometry = pyramid_geometry(Size(18, 18), 8)
    assert geometry.sizes == (Size(18, 18), Size(18, 18))


def test_portrait_quirk_gives_a_standing_picture_more_levels_than_a_lying_one() -> None:
    # trunc(ln(18/80) / ln 0.7937) + 1 = 7 either way; the cut is trunc(ln(120/80) / ln 0.7937) = -1 for the
    # portrait, because the published code compares with the width alone, and 0 for the landscape.
    assert pyramid_geometry(Size(120, 80), 8).last == 8
    assert pyramid_geometry(Size(80, 120), 8).last == 7


def test_long_side_is_limited_to_250_px() -> None:
    assert working_size(Size(300, 500)) == Size(150, 250)
    assert working_scale(Size(300, 500)) == 0.5
    assert working_size(Size(250, 249)) == Size(250, 249)
    assert working_scale(Size(100, 200)) == 1


@unhurried
@given(picture=pictures, factor=factors)
def test_number_of_levels_follows_the_contract(picture: Size, factor: float) -> None:
    levels = levels_of_contract(picture, factor)
    assume(levels > 0)
    geometry = geometry_or_none(picture, factor)
    assume(geometry is not None)
    assert geometry is not None
    assert geometry.last == levels


@unhurried
@given(picture=pictures, factor=factors)
@example(picture=Size(33, 463), factor=1.5)
@example(picture=Size(45, 633), factor=2.0)
@example(picture=Size(27, 388), factor=3.0)
def test_every_picture_is_either_refused_or_given_at_least_two_levels(picture: Size, factor: float) -> None:
    geometry = geometry_or_none(picture, factor)
    assert geometry is None or geometry.last >= 1


@unhurried
@given(picture=pictures, factor=factors)
def test_sizes_grow_from_18_px_to_the_working_image(picture: Size, factor: float) -> None:
    assume(levels_of_contract(picture, factor) > 0)
    geometry = geometry_or_none(picture, factor)
    assume(geometry is not None)
    assert geometry is not None
    assert min(geometry.sizes[0]) == 18
    assert geometry.sizes[-1] == geometry.working == working_size(picture)
    for below, above in zip(geometry.sizes, geometry.sizes[1:], strict=False):
        assert below.height <= above.height
        assert below.width <= above.width
    assert geometry.scale_of(geometry.last) == 1
    assert 18 / min(geometry.working) == pytest.approx(geometry.scale_of(0))


@unhurried
@given(picture=pictures, factor=factors)
def test_resizing_a_level_up_always_covers_the_next(picture: Size, factor: float) -> None:
    assume(levels_of_contract(picture, factor) > 0)
    geometry = geometry_or_none(picture, factor)
    assume(geometry is not None)
    assert geometry is not None
    for below, above in zip(geometry.sizes, geometry.sizes[1:], strict=False):
        enlarged = scaled(below, 1 / geometry.shrink)
        assert enlarged.height >= above.height
        assert enlarged.width >= above.width


@unhurried
@given(picture=pictures)
def test_factors_2_4_and_8_share_the_pyramid(picture: Size) -> None:
    assume(levels_of_contract(picture, 8) > 0)
    doubled = geometry_or_none(picture, 2)
    for factor in (4, 8):
        other = geometry_or_none(picture, factor)
        assert (other and other.sizes) == (doubled and doubled.sizes)


@unhurried
@given(size=pictures, scale=st.floats(0.2, 4))
def test_scaled_sides_are_rounded_up(size: Size, scale: float) -> None:
    assume(all(abs(side * scale - round(side * scale)) > 1e-6 for side in size))
    assert scaled(size, scale) == Size(math.ceil(size.height * scale), math.ceil(size.width * scale))


def test_rounding_noise_does_not_add_a_pixel() -> None:
    assert 18 * (1 + 1e-15) > 18
    assert scaled(Size(18, 18), 1 + 1e-15) == Size(18, 18)


def test_super_resolution_steps_are_resized_one_after_the_other() -> None:
    # 80 -> ceil(100.79) = 101 -> ceil(127.25) = 128 -> ceil(161.27) = 162, not 160.
    assert [size.width for size in sr_step_sizes(STONE_FACE, 2)] == [101, 128, 162]
    assert len(sr_step_sizes(STONE_FACE, 8)) == 9


@unhurried
@given(picture=pictures, factor=factors)
def test_last_super_resolution_step_always_covers_the_output(picture: Size, factor: float) -> None:
    reached, wanted = sr_step_sizes(picture, factor)[-1], sr_output_size(picture, factor)
    assert reached.height >= wanted.height
    assert reached.width >= wanted.width
    assert wanted == Size(math.floor(picture.height * factor), math.floor(picture.width * factor))


@given(st.floats(1.13, 16), st.floats(1.13, 16))
def test_factors_that_differ_are_written_differently_and_read_back(one: float, other: float) -> None:
    assert float(factor_text(one)) == one
    assert (factor_text(one) == factor_text(other)) == (one == other)


@pytest.mark.parametrize(("factor", "text"), [(8, "8"), (8.0, "8"), (1.5, "1.5"), (2.6666666, "2.6666666")])
def test_factors_are_written_without_needless_digits(factor: float, text: str) -> None:
    assert factor_text(factor) == text
