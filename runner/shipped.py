"""Files other than modules that come with the program: the study and the page templates."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Path of such a file or folder: beside the modules if installed, else at the top of the checkout.

    It is not checked to exist: whoever opens it has to report that.
    """
    installed = _HERE / "shipped" / name
    return installed if installed.exists() else _HERE.parent / name


def default_study() -> Path:
    """The study used if none is named: experiments.toml in the working folder, or else the shipped one."""
    here = Path("experiments.toml")
    return here if here.exists() else shipped(here.name)
