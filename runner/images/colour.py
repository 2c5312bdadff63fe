"""Conversion of colours to sRGB, from the colour profile that a file says they are in."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageCms

from runner.images.code_points import CodePoints

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode for the colour space of a profile."""

_COLOURLESS = {"1", "L", "LA", "La"}

_SRGB_GAMMA = 1 / 2.2
_SRGB_CHROMATICITIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""White, red, green and blue, x and y each, as a PNG writes sRGB (PNG specification, 11.3.3)."""

_UNSEEN_levels = 2
"""A profile that changes no colour by more than this counts as sRGB: converting would only add rounding."""


def in_srgb(
    picture: PIL.Image.Image, note: Callable[[str], None], code_points: CodePoints | None = None
) -> PIL.Image.Image:
    """The 8-bit picture with its colours converted from the profile embedded in it.

    It comes back as it is without a profile, with one of sRGB, and with one that cannot be used; `note` is
    told of a conversion, of a profile that cannot be used, and of colours that are declared by bare numbers.
    """
    embedded = picture.info.get("icc_profile")
    if not embedded or picture.mode == "LAB":  # (LAB is absolute)
        if code_points is not None and not code_points.are_srgb:
            numbers = f"primaries {code_points.primaries}, transfer {code_points.transfer}"
            note(f"its code points ({numbers}) are not heeded, its colours are taken for sRGB")
        elif code_points is None and _declares_other_colours(picture):
            note("its gamma and primaries (gAMA, cHRM) are not heeded, its colours are taken for sRGB")
        return picture
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        mode = _MODES[profile.profile.xcolor_space.strip()]
        stored = picture.convert("RGB") if mode == "RGB" and picture.mode != "CMYK" else picture
        if mode == "L" and picture.mode in _COLOURLESS:
            stored = picture.convert("L")
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,  # (else darks are off by 10)
        )
        if mode != "CMYK" and _changes_nothing(transform, mode):
            return picture
        converted = ImageCms.applyTransform(stored, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError, ImportError):
        note("its colour profile cannot be used, its colours are taken for sRGB")
        return picture
    if converted is None:  # (Pillow's types allow for working in place)
        return picture
    note(f"colours converted to sRGB from {_name(profile)}")
    return converted


def _declares_other_colours(picture: PIL.Image.Image) -> bool:
    """Whether a PNG's gAMA or cHRM say something else than sRGB. Code points and profiles overrule both."""
    if "srgb" in picture.info:
        return False
    gamma = picture.info.get("gamma", _SRGB_GAMMA)
    primaries = picture.info.get("chromaticity", _SRGB_CHROMATICITIES)
    near = np.allclose(primaries, _SRGB_CHROMATICITIES, atol=0.005) and abs(gamma - _SRGB_GAMMA) < 0.01
    return not near


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether every colour of a fine grid stays what it is, as far as one could see."""
    grid = _grid(mode)
    changed = ImageCms.applyTransform(grid, transform)
    if changed is None:
        return False
    difference = _samples(changed) - _samples(grid.convert("RGB"))
    return int(np.abs(difference).max()) <= _UNSEEN_levels


def _grid(mode: str) -> PIL.Image.Image:
    if mode == "L":
        return PIL.Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return PIL.Image.fromarray(np.ascontiguousarray(colours.reshape(18, 18 * 18, 3)))


def _samples(picture: PIL.Image.Image) -> npt.NDArray[np.int64]:
    return np.asarray(picture).astype(np.int64)


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    try:
        name = " ".join(ImageCms.getProfileDescription(profile).split())[:60]
    except ImageCms.PyCMSError:
        name = ""
    return f'the profile "{name}"' if name else "a profile without a name"
