"""Trained folders of the published implementation, read and written (algorithm.md 7).

    0/ .. N/      netG.pth, netD.pth (state dicts), z_opt.pth (z*_n, zero-padded by 5 on each side)
    NoiseAmp.pth  sigma_n of every level
    Zs.pth        z*_n of every level, padded as in z_opt.pth
    reals.pth     the real image of every level

`Gs.pth`, which holds pickled modules, is neither opened nor written: netG.pth has all there is to know.

Such folders come from strangers: `tensor_files` reads them, and executes nothing.
"""

from __future__ import annotations

import math
import shutil
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from runner.files import is_litter
from runner.official.tensor_files import (
    checked,
    is_integer,
    read_list,
    read_numbers,
    read_state,
    refusal,
    write_numbers,
)
from singan.checkpoint import load_exactly
from singan.geometry import MIN_SIZE_px, PyramidGeometry, Size
from singan.networks import Discriminator, Generator, PADDING_px
from singan.pyramid import Pyramid, TrainedLevel
from singan.resize import size_of
from singan.settings import TrainingSettings

Network = TypeVar("Network", Generator, Discriminator)

_PRECISIONS = (torch.float32, torch.float64)
"""The published code trains in float32; float64 is what this project's own checks use."""

_PUBLISHED_MAX_WIDTH = 128

_ROUNDING = 1e-9
"""The published code rounds sides up with no slack, so rounding noise may make one a pixel longer."""


def read_official(folder: Path, device: torch.device) -> Pyramid:
    """A fully trained pyramid out of a trained folder of the published implementation, on `device`.

    Real images and z* are `[1, 3, H, W]`, z* without its padding, all in the precision of reals.pth, which is
    float32 or float64. A missing `num_batches_tracked` (torch < 0.4.1) is 0; anything else has to be there,
    of the right shape and precision, and finite. Images must lie in [-1, 1], padding must be zero, z_opt.pth
    must equal its entry of Zs.pth, and a netD.pth be as wide as the netG.pth beside it.

    Raises `UserError`, naming the file, for whatever is not such a folder.
    """
    _check_is_there(folder / "reals.pth")
    reals = _read_reals(folder / "reals.pth")
    count, precision = len(reals), reals[0].dtype
    geometry = _geometry_of([size_of(real) for real in reals], folder / "reals.pth")
    if (folder / str(count)).exists():
        raise refusal(folder / str(count), f"is one level more than the {count} of reals.pth")
    amplitudes = _read_amplitudes(folder / "NoiseAmp.pth", count)
    anchors = _read_anchors(folder, geometry, precision)
    pyramid = Pyramid(geometry, tuple(real.to(device) for real in reals))
    for amplitude, anchor in zip(amplitudes, anchors, strict=True):
        networks = _read_networks(folder, pyramid, precision, device)
        pyramid = pyramid.with_level(TrainedLevel(*networks, amplitude, anchor.to(device)))
    return pyramid


def write_official(pyramid: Pyramid, folder: Path) -> None:
    """Write a fully trained pyramid as a trained folder of the published implementation.

    Each file is whole or not there, and reals.pth comes last, so a folder whose writer was killed cannot be
    taken for a finished one; where writing fails, the folder is left empty. The format is that of
    torch < 1.6, which every torch reads: the published code is older than the present format.

    Raises `UserError` for a folder that is not empty or cannot be written, and for a pyramid that such a
    folder cannot hold: not trained to its last level, or with sizes that do not tell the shrink ratio.
    """
    _check_can_be_held(pyramid, folder)
    _claim(folder)
    try:
        _write_files(pyramid, folder)
    except BaseException:
        _clear(folder)  # it was empty, so all in it was written here
        raise


def _write_files(pyramid: Pyramid, folder: Path) -> None:
    anchors = [_padded(level.anchor_noise) for level in pyramid.levels]
    for index, (level, anchor) in enumerate(zip(pyramid.levels, anchors, strict=True)):
        inside = folder / str(index)
        write_numbers(inside / "netG.pth", _state_of(level.generator))
        write_numbers(inside / "netD.pth", _state_of(level.discriminator))
        write_numbers(inside / "z_opt.pth", anchor)
    write_numbers(folder / "NoiseAmp.pth", [float(level.noise_amplitude) for level in pyramid.levels])
    write_numbers(folder / "Zs.pth", anchors)
    write_numbers(folder / "reals.pth", [_own(real) for real in pyramid.reals])


def _check_is_there(path: Path) -> None:
    """Refuse what is no trained folder, with other advice than for one that only lacks a part."""
    with suppress(OSError):  # (whoever reads the file reports what is wrong then)
        if not path.exists():
            raise refusal(path, "is missing", right="name a trained folder of the published SinGAN")


def _read_reals(path: Path) -> list[Tensor]:
    """At least two images `[1, 3, H, W]` in [-1, 1], coarsest first, of one precision."""
    entries = read_list(path)
    if len(entries) < 2:
        raise refusal(path, f"has {len(entries)} of at least 2 images")
    first = entries[0]
    precision = first.dtype if isinstance(first, Tensor) and first.dtype in _PRECISIONS else torch.float32
    reals = []
    for index, entry in enumerate(entries):
        sides = entry.shape[-2:] if isinstance(entry, Tensor) and entry.ndim == 4 and entry.numel() else "HW"
        real = checked(entry, f"image {index}", (1, 3, *sides), precision, path)
        if not bool((real.abs() <= 1).all()):
            raise refusal(path, f"image {index} is not within [-1, 1]")
        reals.append(real)
    return reals


def _geometry_of(sizes: Sequence[Size], path: Path) -> PyramidGeometry:
    """Shrink ratio r of these sizes, coarsest first (algorithm.md 1).

    No file holds r, but r = (min_size / short side of the working image)^(1/N), where min_size is 18, or
    else the short side of level 0. What gives every size is taken; raises `UserError` when nothing does.
    """
    last, working, shortest = len(sizes) - 1, sizes[-1], min(sizes[0])
    for min_size in (MIN_SIZE_px, shortest, shortest - 1):
        if last < 1 or not 0 < min_size <= min(working):
            continue
        shrink = float((min_size / min(working)) ** (1 / last))
        if all(_is_scaled(size, working, shrink ** (last - n)) for n, size in enumerate(sizes)):
            return PyramidGeometry(tuple(sizes), shrink)
    raise refusal(path, f"no shrink ratio gives its {len(sizes)} sizes, {sizes[0]} to {working}")


def _is_scaled(size: Size, working: Size, scale: float) -> bool:
    """Whether each side is `ceil(side * scale)`, rounding noise up or down."""
    exact = [side * scale for side in working]
    return all(
        math.ceil(x - _ROUNDING) <= side <= math.ceil(x + _ROUNDING)
        for side, x in zip(size, exact, strict=True)
    )


def _read_amplitudes(path: Path, count: int) -> list[float]:
    """Every sigma_n: plain numbers or tensors without dimensions (level 0 has the int 1)."""
    return [_amplitude(entry, index, path) for index, entry in enumerate(read_list(path, count))]


def _amplitude(entry: object, index: int, path: Path) -> float:
    if isinstance(entry, Tensor) and entry.ndim == 0 and (entry.dtype in _PRECISIONS or is_integer(entry)):
        entry = entry.item()
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        raise refusal(path, f"amplitude {index} is no number")
    if not 0 <= entry <= torch.finfo(torch.float32).max:
        raise refusal(path, f"amplitude {index} is not a finite number of at least 0")
    return float(entry)


def _read_anchors(folder: Path, geometry: PyramidGeometry, precision: torch.dtype) -> list[Tensor]:
    """Every z*_n `[1, 3, H, W]`, of Zs.pth and z_opt.pth alike, without its padding."""
    path = folder / "Zs.pth"
    entries = read_list(path, len(geometry.sizes))
    anchors = []
    for level, (entry, size) in enumerate(zip(entries, geometry.sizes, strict=True)):
        anchor = _anchor(entry, f"noise {level}", size, precision, path)
        own = folder / str(level) / "z_opt.pth"
        if not torch.equal(_anchor(read_numbers(own), "noise", size, precision, own), anchor):
            raise refusal(own, "differs from its entry of Zs.pth")
        anchors.append(anchor)
    return anchors


def _anchor(entry: object, what: str, size: Size, precision: torch.dtype, path: Path) -> Tensor:
    """Noise of this size out of `[1, 3, H + 10, W + 10]`, zero in the outer 5 pixels.

    The published code makes the zeros of the levels above 0 by `torch.full(shape, 0)`: integers, since
    torch 1.5.
    """
    shape = (1, 3, *(side + 2 * PADDING_px for side in size))
    if isinstance(entry, Tensor) and is_integer(entry):
        entry = entry.to(precision)
    padded = checked(entry, what, shape, precision, path)
    inner = padded[..., PADDING_px:-PADDING_px, PADDING_px:-PADDING_px].contiguous()
    if not torch.equal(padded, _padded(inner)):
        raise refusal(path, f"{what} is not zero in its outer {PADDING_px} pixels")
    return inner


def _read_networks(
    folder: Path, pyramid: Pyramid, precision: torch.dtype, device: torch.device
) -> tuple[Generator, Discriminator]:
    """G and D of the pyramid's next level."""
    level = pyramid.next_level
    widths = _widths_at(level, pyramid.levels[0].generator.width) if level else None
    inside = folder / str(level)
    generator = _read_network(Generator, inside / "netG.pth", widths, precision, device)
    widths = {generator.width}
    discriminator = _read_network(Discriminator, inside / "netD.pth", widths, precision, device)
    return generator, discriminator


def _widths_at(level: int, base: int) -> set[int]:
    """Channels a level may have when level 0 has `base` (algorithm.md 3); one value for the published 32.

    The published code limits the width to 128, this project to four times the base.
    """
    ours = TrainingSettings(base_width=base).width_at(level)
    return {ours, min(base * 2 ** (level // 4), _PUBLISHED_MAX_WIDTH)}


def _read_network(
    kind: type[Network],
    path: Path,
    widths: Collection[int] | None,
    precision: torch.dtype,
    device: torch.device,
) -> Network:
    """A network on `device`, of one of these widths; None means any."""
    state = read_state(path)
    width = _width_of(state, path)
    if widths is not None and width not in widths:
        raise refusal(path, f"is {width} channels wide, not {' or '.join(map(str, sorted(widths)))}")
    with torch.device("meta"):  # shapes only: a file decides how wide it says it is
        network = kind(width).to(precision)
    numbers = _checked_state(state, network, path)
    network.to_empty(device=device)
    load_exactly(network, numbers)
    return network


def _width_of(state: Mapping[str, object], path: Path) -> int:
    first = state.get("head.conv.weight")
    if not isinstance(first, Tensor) or first.ndim != 4 or not first.numel():
        raise refusal(path, "head.conv.weight is missing, or no weight of a convolution")
    return first.shape[0]


def _checked_state(state: Mapping[str, object], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict: those of the network, by name, shape and precision.

    Before torch 0.4.1 nothing counted batches, and evaluation does not use the count: where missing, it is 0.
    """
    expected = network.state_dict()
    counts = {name: torch.tensor(0) for name in expected if name.endswith("num_batches_tracked")}
    complete = {**counts, **state}
    if odd := sorted(complete.keys() ^ expected.keys()):
        raise refusal(path, f"{odd[0]} is {'missing' if odd[0] in expected else 'unexpected'}")
    numbers = {}
    for name, like in expected.items():
        numbers[name] = checked(complete[name], name, tuple(like.shape), like.dtype, path)
        if name.endswith("running_var") and bool((numbers[name] < 0).any()):
            raise refusal(path, f"{name} holds a negative variance")
    return numbers


def _check_can_be_held(pyramid: Pyramid, folder: Path) -> None:
    count, trained = len(pyramid.reals), len(pyramid.levels)
    if trained != count:
        raise refusal(folder, f"cannot hold a pyramid with {trained} of {count} levels trained")
    read_back = _geometry_of(pyramid.geometry.sizes, folder)
    if not math.isclose(read_back.shrink, pyramid.geometry.shrink, rel_tol=_ROUNDING):
        raise refusal(folder, f"cannot hold a pyramid with a shrink ratio of {pyramid.geometry.shrink:.6g}")


def _claim(folder: Path) -> None:
    """Make sure the folder exists and is empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not all(is_litter(path.name) for path in folder.iterdir()):
            raise refusal(folder, "is not empty", right="name an empty or a new folder")
    except OSError as error:
        raise refusal(folder, f"cannot be written: {error.strerror}") from None


def _clear(folder: Path) -> None:
    """Remove what was written to a claimed folder, as far as that can be done."""
    for path in [path for path in folder.iterdir() if not is_litter(path.name)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _state_of(network: nn.Module) -> OrderedDict[str, Tensor]:
    return OrderedDict((name, _own(tensor)) for name, tensor in network.state_dict().items())


def _own(tensor: Tensor) -> Tensor:
    """A copy on the CPU: saving a view would save all it is a view of."""
    return tensor.detach().cpu().contiguous().clone()


def _padded(anchor: Tensor) -> Tensor:
    """`[1, 3, H, W]` to `[1, 3, H + 10, W + 10]` on the CPU, zeros around."""
    return nn.functional.pad(anchor.detach().cpu(), (PADDING_px,) * 4)
