"""What `pip install` brings, without a checkout: everything that commands need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.records import small_study, write_results

CHECKOUT = Path(__file__).parents[1]
FOLDERS = ("singan", "runner", "site_templates")
FILES = ("experiments.toml", "pyproject.toml", "setup.py", "README.md", "LICENSE")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the checkout, which is left as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for name in FOLDERS:
        shutil.copytree(CHECKOUT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(CHECKOUT / name, sources)
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(sources)]
    subprocess.run(build, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder it is installed into, without the libraries it needs."""
    folder = tmp_path_factory.mktemp("installed")
    install = [*PIP, "install", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder


def run(installed: Path, where: Path, program: str, *arguments: str) -> str:
    """Output of a program that imports only what was installed, with its libraries."""
    checked = "import pathlib, runner; assert pathlib.Path(runner.__file__).is_relative_to(sys.argv.pop(1)); "
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; {checked}{program}", str(installed), *arguments],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


SINGAN = "from runner.cli import main; main()"


def test_templates_and_study_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("runner/shipped/") for name in archive.namelist()}
    templates = [path for path in (CHECKOUT / "site_templates").rglob("*") if path.is_file()]
    assert len(templates) > 20
    assert {path.relative_to(CHECKOUT).as_posix() for path in templates} | {"experiments.toml"} <= names


def test_commands_work_outside_a_checkout(installed: Path, tmp_path: Path) -> None:
    assert "early-stop" in run(installed, tmp_path, SINGAN, "list")
    write_results(tmp_path / "results", small_study(("original",), ("colosseum",)))
    told = run(installed, tmp_path, SINGAN, "build-site", "--check")
    assert told.splitlines()[-1].startswith("checked: ")
    assert (tmp_path / "site" / "static" / "site.css").is_file()
    run(installed, tmp_path, "import runner.publish.serve")


def test_a_study_in_the_working_folder_comes_first(installed: Path, tmp_path: Path) -> None:
    text = (CHECKOUT / "experiments.toml").read_text(encoding="utf-8")
    text = text.replace('\ntitle = "', '\ntitle = "Mine: ')
    (tmp_path / "experiments.toml").write_text(text, encoding="utf-8")
    assert "Mine: " in run(installed, tmp_path, SINGAN, "list")
