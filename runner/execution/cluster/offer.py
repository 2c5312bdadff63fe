"""What a worker offers: exactly this program, on a device. Work never reaches another version."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import singan

_DECISIVE = ("torch", "numpy", "numba")
"""Libraries whose versions may change bits."""

_PREFIX = "singan"


def offer(device: str) -> str:
    """Resource tag `singan-VERSION-DIGEST-DEVICE` of this program's sources and libraries on a device."""
    return f"{_PREFIX}-{singan.__version__}-{_digest()}-{device}"


def is_offer(resource: str) -> bool:
    """Whether a worker's resource is the tag of some version of this program."""
    return resource.startswith(f"{_PREFIX}-")


@cache
def _digest() -> str:
    """Eight hexadecimal digits of all sources, and of the libraries that decide bits."""
    found = hashlib.sha256()
    root = Path(__file__).resolve().parents[3]
    for path in sorted((*(root / "singan").rglob("*.py"), *(root / "runner").rglob("*.py"))):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    for name in _DECISIVE:
        found.update(f"{name} {_version(name)}".encode())
    return found.hexdigest()[:8]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
