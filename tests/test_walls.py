"""Who may import whom: the contracts in pyproject.toml hold, bite, and cover what is imported late."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

BREACHES = {
    "The science knows nothing of what is around it": ("singan/geometry.py", "import runner.files"),
    "Studies, plans and pages come without torch": ("runner/planning/plan.py", "import singan.resize"),
    "Rooms of runner, each above those it may use": ("runner/images/load.py", "import runner.cli"),
    "Rooms of runner.publish": ("runner/publish/data/model.py", "import runner.publish.content.tables"),
    "The science has no cycles": ("singan/networks.py", "import singan.level"),
    "Engines train levels by kernels": ("singan/kernels/winograd.py", "import singan.engines.plain"),
}

WITHOUT_TORCH = ("runner.study", "runner.images", "runner.planning", "runner.store", "runner.publish")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--no-cache", "--verbose"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The two packages with their contracts, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("runner", "singan"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("package", ["singan", "runner"])
def test_a_module_can_be_read_in_one_sitting(package: str) -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in (ROOT / package).rglob("*.py")}
    longest = max(lengths, key=lambda path: lengths[path])
    assert lengths[longest] <= 350, longest


@pytest.mark.parametrize("wall", BREACHES)
def test_a_breach_is_told_by_the_name_of_its_wall(wall: str, copy: Path) -> None:
    where, line = BREACHES[wall]
    with (copy / where).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    told = lint(copy)
    assert told.returncode == 1
    assert f"{wall} BROKEN" in " ".join(told.stdout.split())


def test_a_new_room_has_to_take_its_place(copy: Path) -> None:
    (copy / "runner" / "attic").mkdir()
    (copy / "runner" / "attic" / "__init__.py").touch()
    told = lint(copy)
    assert told.returncode == 1
    assert "runner.attic" in told.stdout


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_what_comes_without_torch_loads_without_it(room: str) -> None:
    """The contract leaves out imports inside the functions that measure; here it shows that they are."""
    code = (
        "import importlib, pkgutil, sys\n"
        f"room = importlib.import_module({room!r})\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
