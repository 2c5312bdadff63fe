"""Trained folders of the published implementation, read and written (algorithm.md 7).

    0/ .. N/      netG.pth, netD.pth (state dicts), z_opt.pth (z*_n, zero-padded by 5 on each side)
    NoiseAmp.pth  sigma_n of every level
    Zs.pth        z*_n of every level, padded as in z_opt.pth
    reals.pth     the real image of every level

`Gs.pth`, which holds pickled modules, is neither opened nor written: netG.pth has all there is to know.

Such folders come from strangers, and nothing in them is ever executed: `torch.load(weights_only=True)` is the
only reader. Before it, every file is looked through for what could still hang or crash it.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from singan.checkpoint import load_exactly
from singan.errors import UserError
from singan.geometry import MIN_SIZE_px, PyramidGeometry, Size
from singan.networks import Discriminator, Generator, PADDING_px
from singan.pyramid import Pyramid, TrainedLevel
from singan.resize import size_of
from singan.settings import TrainingSettings

Network = TypeVar("Network", Generator, Discriminator)

_PRECISIONS = (torch.float32, torch.float64)
"""The published code trains in float32; float64 is what this project's own checks use."""

_PUBLISHED_MAX_WIDTH = 128

_LARGEST_FILE_bytes = 64 * 2**20
"""Enough for the real images of a 1500 px picture; the published code stops at 250 px."""

_MOST_OPCODES = 5000
"""Of one pickle; a network's has 1100. Each may nest once more, and Python's stack is not endless."""

_OLD_FORMAT_PICKLES = 5
"""Files from before torch 1.6 are no zip: magic number, version, system, the object, and storage keys."""

_TENSOR_NAMES = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_tensor(_v2)?|torch(\.cuda)? [A-Za-z0-9]+Storage"
)
"""All that a pickle of tensors names, as `module name`."""

_TEXT_OPCODES = {"BINUNICODE", "SHORT_BINSTRING", "GLOBAL"}

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
    reals = _read_reals(folder / "reals.pth")
    count, precision = len(reals), reals[0].dtype
    geometry = _geometry_of([size_of(real) for real in reals], folder / "reals.pth")
    if (folder / str(count)).exists():
        raise _refusal(folder / str(count), f"is one level more than the {count} of reals.pth")
    amplitudes = _read_amplitudes(folder / "NoiseAmp.pth", count)
    anchors = _read_anchors(folder, geometry, precision)
    pyramid = Pyramid(geometry, tuple(real.to(device) for real in reals))
    for amplitude, anchor in zip(amplitudes, anchors, strict=True):
        networks = _read_networks(folder, pyramid, precision, device)
        pyramid = pyramid.with_level(TrainedLevel(*networks, amplitude, anchor.to(device)))
    return pyramid


def write_official(pyramid: Pyramid, folder: Path) -> None:
    """Write a fully trained pyramid as a trained folder of the published implementation.

    Each file is whole or not there, and reals.pth comes last, so a folder that was interrupted cannot be
    taken for a finished one. The format is that of torch < 1.6, which every torch reads: the published code
    is older than the present format.

    Raises `UserError` for a folder that is not empty or cannot be written, and for a pyramid that such a
    folder cannot hold: not trained to its last level, or with sizes that do not tell the shrink ratio.
    """
    _check_can_be_held(pyramid, folder)
    _claim(folder)
    anchors = [_padded(level.anchor_noise) for level in pyramid.levels]
    for index, (level, anchor) in enumerate(zip(pyramid.levels, anchors, strict=True)):
        inside = folder / str(index)
        _write(inside / "netG.pth", _state_of(level.generator))
        _write(inside / "netD.pth", _state_of(level.discriminator))
        _write(inside / "z_opt.pth", anchor)
    _write(folder / "NoiseAmp.pth", [float(level.noise_amplitude) for level in pyramid.levels])
    _write(folder / "Zs.pth", anchors)
    _write(folder / "reals.pth", [_own(real) for real in pyramid.reals])


def _read_reals(path: Path) -> list[Tensor]:
    """At least two images `[1, 3, H, W]` in [-1, 1], coarsest first, of one precision."""
    entries = _load_list(path)
    if len(entries) < 2:
        raise _refusal(path, f"has {len(entries)} of at least 2 images")
    first = entries[0]
    precision = first.dtype if isinstance(first, Tensor) and first.dtype in _PRECISIONS else torch.float32
    reals = []
    for index, entry in enumerate(entries):
        sides = entry.shape[-2:] if isinstance(entry, Tensor) and entry.ndim == 4 and entry.numel() else "HW"
        real = _checked(entry, f"image {index}", (1, 3, *sides), precision, path)
        if not bool((real.abs() <= 1).all()):
            raise _refusal(path, f"image {index} is not within [-1, 1]")
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
    raise _refusal(path, f"no shrink ratio gives its {len(sizes)} sizes, {sizes[0]} to {working}")


def _is_scaled(size: Size, working: Size, scale: float) -> bool:
    """Whether each side is `ceil(side * scale)`, rounding noise up or down."""
    exact = [side * scale for side in working]
    return all(
        math.ceil(x - _ROUNDING) <= side <= math.ceil(x + _ROUNDING)
        for side, x in zip(size, exact, strict=True)
    )


def _read_amplitudes(path: Path, count: int) -> list[float]:
    """Every sigma_n: plain numbers or tensors without dimensions (level 0 has the int 1)."""
    return [_amplitude(entry, index, path) for index, entry in enumerate(_load_list(path, count))]


def _amplitude(entry: object, index: int, path: Path) -> float:
    if isinstance(entry, Tensor) and entry.ndim == 0 and entry.dtype in _PRECISIONS:
        entry = entry.item()
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        raise _refusal(path, f"amplitude {index} is no number")
    if not 0 <= entry <= torch.finfo(torch.float32).max:
        raise _refusal(path, f"amplitude {index} is not a finite number of at least 0")
    return float(entry)


def _read_anchors(folder: Path, geometry: PyramidGeometry, precision: torch.dtype) -> list[Tensor]:
    """Every z*_n `[1, 3, H, W]`, of Zs.pth and z_opt.pth alike, without its padding."""
    path = folder / "Zs.pth"
    entries = _load_list(path, len(geometry.sizes))
    anchors = []
    for level, (entry, size) in enumerate(zip(entries, geometry.sizes, strict=True)):
        anchor = _anchor(entry, f"noise {level}", size, precision, path)
        own = folder / str(level) / "z_opt.pth"
        if not torch.equal(_anchor(_load(own), "noise", size, precision, own), anchor):
            raise _refusal(own, "differs from its entry of Zs.pth")
        anchors.append(anchor)
    return anchors


def _anchor(entry: object, what: str, size: Size, precision: torch.dtype, path: Path) -> Tensor:
    """Noise of this size out of `[1, 3, H + 10, W + 10]`, zero in the outer 5 pixels."""
    shape = (1, 3, *(side + 2 * PADDING_px for side in size))
    padded = _checked(entry, what, shape, precision, path)
    inner = padded[..., PADDING_px:-PADDING_px, PADDING_px:-PADDING_px].contiguous()
    if not torch.equal(padded, _padded(inner)):
        raise _refusal(path, f"{what} is not zero in its outer {PADDING_px} pixels")
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
    state = _load_state(path)
    width = _width_of(state, path)
    if widths is not None and width not in widths:
        raise _refusal(path, f"is {width} channels wide, not {' or '.join(map(str, sorted(widths)))}")
    with torch.device("meta"):  # shapes only: a file decides how wide it says it is
        network = kind(width).to(precision)
    numbers = _checked_state(state, network, path)
    network.to_empty(device=device)
    load_exactly(network, numbers)
    return network


def _width_of(state: Mapping[str, object], path: Path) -> int:
    first = state.get("head.conv.weight")
    if not isinstance(first, Tensor) or first.ndim != 4 or not first.numel():
        raise _refusal(path, "head.conv.weight is missing, or no weight of a convolution")
    return first.shape[0]


def _checked_state(state: Mapping[str, object], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict: those of the network, by name, shape and precision.

    Before torch 0.4.1 nothing counted batches, and evaluation does not use the count: where missing, it is 0.
    """
    expected = network.state_dict()
    counts = {name: torch.tensor(0) for name in expected if name.endswith("num_batches_tracked")}
    complete = {**counts, **state}
    if odd := sorted(complete.keys() ^ expected.keys()):
        raise _refusal(path, f"{odd[0]} is {'missing' if odd[0] in expected else 'unexpected'}")
    numbers = {}
    for name, like in expected.items():
        numbers[name] = _checked(complete[name], name, tuple(like.shape), like.dtype, path)
        if name.endswith("running_var") and bool((numbers[name] < 0).any()):
            raise _refusal(path, f"{name} holds a negative variance")
    return numbers


def _checked(
    value: object, what: str, shape: tuple[int | str, ...], precision: torch.dtype, path: Path
) -> Tensor:
    """A copy of a tensor that has this shape and precision and is finite; raises `UserError` otherwise.

    The copy owns its numbers and leaves behind what else a pickled tensor may carry (hooks, odd strides).
    """
    if not isinstance(value, Tensor):
        raise _refusal(path, f"{what} is no tensor")
    if tuple(value.shape) != shape:
        raise _refusal(path, f"{what} has shape {_shown(value.shape)}, not {_shown(shape)}")
    if value.dtype != precision:
        raise _refusal(path, f"{what} is {_shown_type(value.dtype)}, not {_shown_type(precision)}")
    if not bool(value.isfinite().all()):
        raise _refusal(path, f"{what} holds a number that is not finite")
    return torch.empty(tuple(value.shape), dtype=precision).copy_(value.detach())


def _load(path: Path) -> object:
    """What `torch.save` put into a file: tensors, numbers, lists and dicts of them, on the CPU.

    The tensors together have no more bytes than the file, so nothing tiny unfolds into something huge.
    Raises `UserError`.
    """
    data = _read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities of the file, all refused below
            stream, pickles = _pickles_in(data)
            for _ in range(pickles):
                _check_pickle(stream, path)
            # On the CPU first, since a checkpoint may name a device that this machine lacks.
            loaded: object = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True, mmap=False)
    except UserError:
        raise
    except Exception:  # zipfile and torch raise almost anything for bytes they did not expect
        raise _refusal(path, "is damaged, or no file of tensors") from None
    if sum(tensor.numel() * tensor.element_size() for tensor in _tensors_in(loaded)) > len(data):
        raise _refusal(path, "claims to hold more numbers than it has bytes")
    return loaded


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.exists():
            raise _refusal(path, "is missing", right="name a trained folder of the published SinGAN")
        if not path.is_file():
            raise _refusal(path, "is no file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_bytes + 1)
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST_FILE_bytes:
        raise _refusal(path, f"is larger than {_LARGEST_FILE_bytes // 2**20} MiB")
    return data


def _pickles_in(data: bytes) -> tuple[io.BytesIO, int]:
    """A stream that starts with the pickles of a file, and their number.

    Raises `ValueError` for a zip that could unfold into more than its own length; torch compresses nothing.
    """
    if not data.startswith(b"PK\x03\x04"):
        return io.BytesIO(data), _OLD_FORMAT_PICKLES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = archive.infolist()
        if sum(record.file_size for record in records) > len(data):
            raise ValueError("compressed or overlapping records")
        (pickled,) = (record for record in records if record.filename.lower().endswith("data.pkl"))
        return io.BytesIO(archive.read(pickled)), 1


def _check_pickle(stream: io.BytesIO, path: Path) -> None:
    """Walk through one pickle without carrying it out; raises `UserError`, or `ValueError` if it is none.

    torch executes nothing by itself, but deeply nested tuples overflow its stack, a list that holds itself
    twice, many times over, never ends, and some of the functions torch does allow reserve memory at will.
    """
    shareable: set[int] = set()
    previous = ""
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if number >= _MOST_OPCODES:
            raise _refusal(path, "is far too complex for tensors and their names")
        if opcode.name == "GLOBAL" and not _TENSOR_NAMES.fullmatch(str(argument)):
            raise _refusal(path, f"wants {_quoted(str(argument))}, which tensors have no need of")
        if "PUT" in opcode.name and previous in _TEXT_OPCODES and isinstance(argument, int):
            shareable.add(argument)
        if "GET" in opcode.name and argument not in shareable:
            raise _refusal(path, "holds one object in several places")
        previous = opcode.name


def _tensors_in(loaded: object) -> list[Tensor]:
    items: Iterable[object] = (loaded,)
    if isinstance(loaded, dict):
        items = loaded.values()
    elif isinstance(loaded, list):
        items = loaded
    return [item for item in items if isinstance(item, Tensor)]


def _load_list(path: Path, count: int | None = None) -> list[object]:
    """A list, of `count` entries if given; raises `UserError`."""
    loaded = _load(path)
    if not isinstance(loaded, list):
        raise _refusal(path, "is no list")
    if count is not None and len(loaded) != count:
        raise _refusal(path, f"has {len(loaded)} entries, not one for each of {count} levels")
    return loaded


def _load_state(path: Path) -> dict[str, object]:
    loaded = _load(path)
    if not isinstance(loaded, dict):
        raise _refusal(path, "is no state dict")
    for name in loaded:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.]{1,80}", name):
            raise _refusal(path, "has an entry that is not named like a tensor of a network")
    return dict(loaded)


def _check_can_be_held(pyramid: Pyramid, folder: Path) -> None:
    count, trained = len(pyramid.reals), len(pyramid.levels)
    if trained != count:
        raise _refusal(folder, f"cannot hold a pyramid with {trained} of {count} levels trained")
    read_back = _geometry_of(pyramid.geometry.sizes, folder)
    if not math.isclose(read_back.shrink, pyramid.geometry.shrink, rel_tol=_ROUNDING):
        raise _refusal(folder, f"cannot hold a pyramid with a shrink ratio of {pyramid.geometry.shrink:.6g}")


def _claim(folder: Path) -> None:
    """Make sure the folder exists and is empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise _refusal(folder, "is not empty", right="name an empty or a new folder")
    except OSError as error:
        raise _refusal(folder, f"cannot be written: {error.strerror}") from None


def _write(path: Path, numbers: object) -> None:
    """Save to a file beside the place, then move it there."""
    buffer = io.BytesIO()
    torch.save(numbers, buffer, _use_new_zipfile_serialization=False)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise _refusal(path, f"cannot be written: {error.strerror}") from None


def _state_of(network: nn.Module) -> OrderedDict[str, Tensor]:
    return OrderedDict((name, _own(tensor)) for name, tensor in network.state_dict().items())


def _own(tensor: Tensor) -> Tensor:
    """A copy on the CPU: saving a view would save all it is a view of."""
    return tensor.detach().cpu().contiguous().clone()


def _padded(anchor: Tensor) -> Tensor:
    """`[1, 3, H, W]` to `[1, 3, H + 10, W + 10]` on the CPU, zeros around."""
    return nn.functional.pad(anchor.detach().cpu(), (PADDING_px,) * 4)


def _refusal(path: Path, what: str, *, right: str | None = None) -> UserError:
    return UserError(what, where=str(path), right=right)


def _shown(shape: Iterable[int | str]) -> str:
    """`[1, 3, H, W]`, shortened where a file claims a great many dimensions."""
    sides = [str(side) for side in shape]
    return f"[{', '.join(sides if len(sides) <= 6 else [*sides[:6], '...'])}]"


def _shown_type(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def _quoted(name: str) -> str:
    """`module.name` out of a file, with nothing that a terminal would act on, and short."""
    return ascii(name.replace(" ", ".")[:60])
