"""Files that come with the program and are no modules: the study and the page templates."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Path of such a file or folder: beside the modules where installed, at the top of a checkout.

    It may not exist: whoever opens it says so.
    """
    installed = _HERE / "shipped" / name
    return installed if installed.exists() else _HERE.parent / name


def default_study() -> Path:
    """The study meant when none is named: experiments.toml in the working folder, or else the shipped one."""
    here = Path("experiments.toml")
    return here if here.exists() else shipped(here.name)
