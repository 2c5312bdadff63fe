"""Files of tensors that strangers wrote, and files that their programs read.

Nothing in such a file is ever executed: `torch.load(weights_only=True)` is the only reader. Before it, every
file is looked through for what could still hang or crash it.
"""

from __future__ import annotations

import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from singan.errors import UserError

_LARGEST_FILE_bytes = 64 * 2**20
"""Enough for the real images of a 1500 px picture; the published code stops at 250 px."""

_MOST_OPCODES = 5000
"""Most opcodes of a pickle; a network's has 1100. Each may nest deeper, and Python's stack is limited."""

_OLD_FORMAT_PICKLES = 5
"""Pickles in a file of torch < 1.6, which is no zip: magic number, version, system, object, storage keys."""

_TENSOR_NAMES = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_tensor(_v2)?|torch(\.cuda)? [A-Za-z0-9]+Storage"
)
"""All that a pickle of tensors names, as `module name`."""

_TEXT_OPCODES = {"BINUNICODE", "SHORT_BINSTRING", "GLOBAL"}

_NAME = re.compile(r"[A-Za-z0-9_.]{1,80}")
"""What the tensors of a network are called; anything else is not repeated to a terminal."""


def read_numbers(path: Path) -> object:
    """What `torch.save` put into a file: tensors, numbers, lists and dicts of them, on the CPU.

    The tensors together have no more bytes than the file, so nothing tiny unfolds into something huge.
    Raises `UserError`, naming the file, for anything else: damaged, pickled objects, larger than 64 MiB.
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
        raise refusal(path, "is damaged, or no file of tensors") from None
    if sum(tensor.numel() * tensor.element_size() for tensor in _tensors_in(loaded)) > len(data):
        raise refusal(path, "claims to hold more numbers than it has bytes")
    return loaded


def read_list(path: Path, count: int | None = None) -> list[object]:
    """A list, of `count` entries if given; raises `UserError`."""
    loaded = read_numbers(path)
    if not isinstance(loaded, list):
        raise refusal(path, "is no list")
    if count is not None and len(loaded) != count:
        raise refusal(path, f"has {len(loaded)} entries, not one for each of {count} levels")
    return loaded


def read_state(path: Path) -> dict[str, object]:
    """A state dict: names as those of a network's tensors, and whatever they name; raises `UserError`."""
    loaded = read_numbers(path)
    if not isinstance(loaded, dict):
        raise refusal(path, "is no state dict")
    for name in loaded:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise refusal(path, "has an entry that is not named like a tensor of a network")
    return dict(loaded)


def checked(
    value: object, what: str, shape: tuple[int | str, ...], precision: torch.dtype, path: Path
) -> Tensor:
    """A copy of a tensor that has this shape and precision and is finite; raises `UserError` otherwise.

    The copy owns its numbers and leaves behind what else a pickled tensor may carry (hooks, odd strides).
    """
    if not isinstance(value, Tensor):
        raise refusal(path, f"{what} is no tensor")
    if tuple(value.shape) != shape:
        raise refusal(path, f"{what} has shape {_shown(value.shape)}, not {_shown(shape)}")
    if value.dtype != precision:
        raise refusal(path, f"{what} is {_shown_type(value.dtype)}, not {_shown_type(precision)}")
    if not bool(value.isfinite().all()):
        raise refusal(path, f"{what} holds a number that is not finite")
    return torch.empty(tuple(value.shape), dtype=precision).copy_(value.detach())


def is_integer(tensor: Tensor) -> bool:
    """Whether a tensor holds whole numbers; booleans do not count."""
    kind = tensor.dtype
    return not (kind.is_floating_point or kind.is_complex or tensor.is_quantized or kind == torch.bool)


def write_numbers(path: Path, numbers: object) -> None:
    """`torch.save` to a file beside the place, then move it there; raises `UserError`.

    The format is that of torch < 1.6, which every torch reads.
    """
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
        raise refusal(path, f"cannot be written: {error.strerror}") from None


def refusal(path: Path, what: str, *, right: str | None = None) -> UserError:
    """The error about a file: what is wrong with it, and what would be right."""
    return UserError(what, where=str(path), right=right)


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.exists():
            raise refusal(path, "is missing", right="the folder has to be whole")
        if not path.is_file():
            raise refusal(path, "is no file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_bytes + 1)
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST_FILE_bytes:
        raise refusal(path, f"is larger than {_LARGEST_FILE_bytes // 2**20} MiB")
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
            raise refusal(path, "is far too complex for tensors and their names")
        if opcode.name == "GLOBAL" and not _TENSOR_NAMES.fullmatch(str(argument)):
            raise refusal(path, f"wants {_quoted(str(argument))}, which tensors have no need of")
        if "PUT" in opcode.name and previous in _TEXT_OPCODES and isinstance(argument, int):
            shareable.add(argument)
        if "GET" in opcode.name and argument not in shareable:
            raise refusal(path, "holds one object in several places")
        previous = opcode.name


def _tensors_in(loaded: object) -> list[Tensor]:
    items: Iterable[object] = (loaded,)
    if isinstance(loaded, dict):
        items = loaded.values()
    elif isinstance(loaded, list):
        items = loaded
    return [item for item in items if isinstance(item, Tensor)]


def _shown(shape: Iterable[int | str]) -> str:
    """`[1, 3, H, W]`, shortened where a file claims a great many dimensions."""
    sides = [str(side) for side in shape]
    return f"[{', '.join(sides if len(sides) <= 6 else [*sides[:6], '...'])}]"


def _shown_type(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def _quoted(name: str) -> str:
    """`module.name` out of a file, with nothing that a terminal would act on, and short."""
    return ascii(name.replace(" ", ".")[:60])
