"""The command line as tests call it."""

from __future__ import annotations

import sys

import pytest

from runner import cli

STUDY = ("--study", "study.toml")
TINY = (*STUDY, "--profile", "tiny")

SINGAN = [sys.executable, "-c", "from runner.cli import main; main()"]


class Shell:
    """Runs `singan` in this process, in a folder of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._monkeypatch.setattr(sys, "argv", ["singan", *arguments])
        status: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        assert isinstance(status, int)
        return status, *self._capsys.readouterr()
