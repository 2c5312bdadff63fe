"""Measures of a super-resolved picture: faithful to its input, natural, sharp, and near the truth if known.

Everything here is a pure function of 8-bit RGB pixels. No single measure says "better": a plain enlargement
is faithful but not natural, and invented detail may be natural but not faithful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import PIL.Image
import skimage  # (loads its parts when they are first used)

from runner.images.decode import Pixels
from runner.metrics.niqe import NiqeModel, niqe
from singan.geometry import Size, sr_output_size

MAX_PSNR_dB = 100.0
"""PSNR of equal pictures, because JSON has no infinity. Where one value in 150 000 is off by one grey level,
which nobody sees, it is reached, too."""

BLUR_WINDOW_px = 11
"""Length of the filter that blurs the picture once more; values compare only at the same length."""


@dataclass(frozen=True)
class Metrics:
    """What was measured on one picture, by the names of `DEFINITIONS`; None is what could not be measured."""

    lr_psnr: float
    lr_delta_e: float
    niqe: float | None
    blur: float
    psnr: float | None
    ssim: float | None


class Definition(NamedTuple):
    """A measure as it is described to people."""

    title: str
    unit: str
    better: Literal["higher", "lower"]
    visible: float
    """The least difference that is taken to be visible: a convention, not a law of the eye."""
    meaning: str
    limit: str


DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "lr_psnr": Definition(
            "Consistency with the input",
            "dB",
            "higher",
            0.5,
            "Peak signal-to-noise ratio between the input and the result shrunk back to the input's size; "
            "100 dB means equal.",
            "Says nothing about whether the new detail is right: whatever averages out when shrunk scores "
            "well, a plain enlargement too.",
        ),
        "lr_delta_e": Definition(
            "Colour shift",
            "ΔE00",
            "lower",
            0.5,
            "Mean CIEDE2000 colour difference between the input and the result shrunk back to the input's "
            "size; about 1 is just noticeable.",
            "A mean over pixels: a small area of wrong colour hardly moves it, while displaced edges do.",
        ),
        "niqe": Definition(
            "Naturalness (NIQE)",
            "",
            "lower",
            0.3,
            "Distance between the picture's local statistics and those of pristine photographs, "
            "judged without a reference.",
            "Knows nothing of the input, so invented texture may score well; differences of a few tenths are "
            "noise, and pictures of few 96-pixel blocks scatter more.",
        ),
        "blur": Definition(
            "Blur",
            "",
            "lower",
            0.02,
            "Share of the picture's fine contrast that is not lost by blurring it once more: "
            "0 is sharp, 1 is blurred.",
            "Noise, artefacts and the edges of enlarged pixels count as sharpness, flat areas as blur.",
        ),
        "psnr": Definition(
            "PSNR",
            "dB",
            "higher",
            0.25,
            "Peak signal-to-noise ratio between the result and the ground truth; 100 dB means equal.",
            "Rewards blur over plausible detail, since detail a pixel off counts as wrong twice; "
            "needs a ground truth.",
        ),
        "ssim": Definition(
            "SSIM",
            "",
            "higher",
            0.01,
            "Structural similarity of the result and the ground truth in windows of 7 pixels: "
            "1 is equal, 0 unrelated.",
            "Blind to what looks alike but is not in the same place; needs a ground truth.",
        ),
    }
)
"""Every measure of `Metrics`, in the order in which pages show them."""


def evaluate(
    output: Pixels,
    input_: Pixels,
    factor: float,
    *,
    ground_truth: Pixels | None = None,
    niqe_model: NiqeModel | None = None,
) -> Metrics:
    """Measure `output`, which is `input_` enlarged by `factor`; `ground_truth` is of the size of `output`.

    Without a model of natural pictures there is no NIQE. Raises `ValueError` for pictures whose sizes do not
    fit each other.
    """
    expected = sr_output_size(_size(input_), factor)
    for name, picture in (("output", output), ("ground truth", ground_truth)):
        if picture is not None and _size(picture) != expected:
            raise ValueError(f"{name} is {_size(picture)} pixels, not {expected}")
    shrunk = shrink(output, factor, _size(input_))
    return Metrics(
        lr_psnr=psnr(shrunk, input_),
        lr_delta_e=colour_shift(shrunk, input_),
        niqe=None if niqe_model is None else niqe(output, niqe_model),
        blur=blur(output),
        psnr=None if ground_truth is None else psnr(output, ground_truth),
        ssim=None if ground_truth is None else ssim(output, ground_truth),
    )


def baseline_outputs(input_: Pixels, factor: float) -> Mapping[str, Pixels]:
    """The input enlarged without learning, by the name of the filter; as large as if super-resolved."""
    height, width = sr_output_size(_size(input_), factor)
    filters = {
        "nearest": PIL.Image.Resampling.NEAREST,
        "bicubic": PIL.Image.Resampling.BICUBIC,
        "lanczos": PIL.Image.Resampling.LANCZOS,
    }
    picture = PIL.Image.fromarray(input_)
    return {name: np.asarray(picture.resize((width, height), kind)) for name, kind in filters.items()}


def shrink(output: Pixels, factor: float, size: Size) -> Pixels:
    """`output` made smaller by `factor` with the study's own resize, rounded to 8 bits, cropped to `size`.

    The measures of consistency with the input compare this with the input (SinGAN's resize is antialiased, so
    it averages over all of the output's pixels).
    """
    import torch  # noqa: PLC0415  (slow to import, and the definitions above are wanted without it)

    from singan.pixels import to_pixels, to_tensor  # noqa: PLC0415
    from singan.resize import crop, resize  # noqa: PLC0415

    image = to_tensor(output, device=torch.device("cpu"), dtype=torch.float64)
    pixels: Pixels = to_pixels(crop(resize(image, 1 / factor), size)).numpy()
    return pixels


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal-to-noise ratio, 10 log10(255^2 / mean squared error), over all pixels and channels, in dB.

    From 0 (black against white) to `MAX_PSNR_dB` (equal); higher is better. Limits: all errors count the same
    wherever they are, so blur scores better than detail that is a pixel off.
    """
    with np.errstate(divide="ignore"):  # equal pictures: infinite
        ratio = skimage.metrics.peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
            first, second, data_range=255
        )
    return min(float(ratio), MAX_PSNR_dB)


def colour_shift(first: Pixels, second: Pixels) -> float:
    """Mean CIEDE2000 difference of the pixels, in Lab under D65 (Sharma, Wu and Dalal 2005).

    From 0 (equal) to about 100 (black against white); lower is better; about 1 is just noticeable on large
    patches. Limits: a mean over pixels, blind to where the difference is; made for patches, not for texture.
    """
    lab = (skimage.color.rgb2lab(picture) for picture in (first, second))
    return float(np.mean(skimage.color.deltaE_ciede2000(*lab)))  # type: ignore[no-untyped-call]


def blur(pixels: Pixels) -> float:
    """Share of the neighbouring pixels' contrast that survives a second blur (Crete and others 2007).

    From 0 (sharp) to 1 (blurred), the worse of the two axes; lower is better. Limits: noise, ringing and the
    edges of enlarged pixels count as sharpness; a flat picture counts as blurred; a blur wider than
    `BLUR_WINDOW_px` changes little more, and the same scene enlarged more is blurrier by nature.
    """
    strength = skimage.measure.blur_effect(  # type: ignore[no-untyped-call]
        pixels, h_size=BLUR_WINDOW_px, channel_axis=-1
    )
    return float(strength)


def ssim(output: Pixels, ground_truth: Pixels) -> float:
    """Mean structural similarity in uniform windows of 7 px, averaged over R, G, B (Wang and others 2004).

    From -1 to 1 (equal), 0 unrelated; higher is better. Limits: compares place by place, so plausible detail
    elsewhere counts as wrong; values differ from implementations with Gaussian windows or on luma alone.
    """
    similarity = skimage.metrics.structural_similarity(  # type: ignore[no-untyped-call]
        output, ground_truth, channel_axis=-1, data_range=255
    )
    return float(similarity)


def _size(pixels: Pixels) -> Size:
    return Size(*pixels.shape[:2])
