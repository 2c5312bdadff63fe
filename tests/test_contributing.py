"""What CONTRIBUTING.md, the changelog and the citation say is so."""

from __future__ import annotations

import importlib
import re
import textwrap
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.records import small_study, write_results
from runner.metrics.evaluate import DEFINITIONS
from runner.publish.content import all_pages, pages
from runner.publish.content.profiles import pages_by_profile
from runner.publish.data.gather import gather
from runner.publish.output.render import Renderer
from runner.study.load import load_study
from singan import __version__, switches

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROSE = FENCED.sub("", TEXT)
QUOTED = re.findall(r"`([^`\n]+)`", PROSE)

PLACES = [word for word in QUOTED if re.fullmatch(r"[\w.-]+/[\w./-]*|[\w.-]+\.(toml|py|md)", word)]
NAMES = [word for word in QUOTED if re.fullmatch(r"(singan|runner)(\.\w+)+", word)]


def fenced(language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(TEXT) if kind == language]


def worked_example(module: types.ModuleType, number: int, **imported: Any) -> dict[str, Any]:
    """The names that a block of Python defines where the text puts it, given what it imports."""
    place = {**vars(module), **imported}
    exec(compile(fenced("python")[number], "CONTRIBUTING.md", "exec", dont_inherit=True), place)
    return place


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    parts = name.split(".")
    found: Any = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:index]))
        found = getattr(found, part)


def test_every_link_leads_somewhere() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert linked
    assert all((ROOT / link).exists() for link in linked)


def test_ten_questions_have_an_answer() -> None:
    table = PROSE.partition("## Who answers")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+\?) \| (.+) \|$", table, re.MULTILINE)
    assert len(rows) == 10
    assert all("`" in answer for _, answer in rows)


def test_every_target_of_make_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"\bmake ([a-z]+)\b", "\n".join([*QUOTED, *fenced("sh")]))
    assert named
    assert set(named) <= set(targets)


def test_the_experiment_is_one(tmp_path: Path) -> None:
    study = (ROOT / "experiments.toml").read_text(encoding="utf-8")
    (experiment,) = fenced("toml")
    (tmp_path / "study.toml").write_text(f"{study}\n{experiment}", encoding="utf-8")
    before, after = load_study(ROOT / "experiments.toml"), load_study(tmp_path / "study.toml")
    (added,) = after.experiment.keys() - before.experiment.keys()
    assert f"--experiment {added} " in TEXT
    assert after.experiment[added].feed(last=True).adversarial_upsample == "sr"


def test_the_switch_is_the_one_that_was_added() -> None:
    shown = fenced("python")[0]
    assert textwrap.indent(shown, "    ") in (ROOT / "singan/switches.py").read_text(encoding="utf-8")
    at_step = worked_example(switches, 0)["at_step"]
    feed = switches.LevelFeed("mixed", real_steps=2)
    assert [at_step(feed, step).adversarial for step in range(3)] == ["real_train", "real_train", "rand"]
    assert at_step(switches.LevelFeed(), 0) == switches.LevelFeed()


def test_the_measure_measures() -> None:
    place = worked_example(importlib.import_module("runner.metrics.evaluate"), 1)
    colourfulness = place["colourfulness"]
    grey = np.full((8, 8, 3), 90, np.uint8)
    red, half = grey.copy(), grey.copy()
    red[..., 0], half[:4, :, 0] = 250, 250
    assert colourfulness(grey) == 0
    assert 0 < colourfulness(red) < colourfulness(half)


def test_the_definition_defines() -> None:
    definition = worked_example(importlib.import_module("runner.metrics.evaluate"), 2)["COLOURFULNESS"]
    assert isinstance(definition, type(DEFINITIONS["blur"]))
    assert definition.title not in {known.title for known in DEFINITIONS.values()}


def test_the_page_shows_what_it_says(tmp_path: Path) -> None:
    study = small_study()
    write_results(tmp_path, study)
    data = gather(study, tmp_path)
    runs = [cell.run for cell in data.cells if cell.run is not None]
    kind = worked_example(pages, 3)["MachinesPage"]
    made = worked_example(all_pages, 4, MachinesPage=kind)["machines_page"](runs)
    assert issubclass(type(made), pages.Page)
    (template,) = fenced("jinja")
    (whole,) = pages_by_profile([data])
    renderer = Renderer(whole, [whole])
    shown = renderer.fill(renderer._environment.from_string(template), made).decode()
    assert f"<h1>{made.title}</h1>" in shown
    assert len(made.machines) == 1
    assert f"<li><bdi>{made.machines[0]}</bdi></li>" in shown


def test_the_changelog_has_this_version_and_room_for_the_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert versions[:2] == ["Unreleased", __version__]
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([\w-]+): (.+)$", text, re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert (fields["version"], fields["license"]) == (__version__, "MIT")
    assert "1905.01164" in text


def test_the_style_asked_for_before_a_commit_is_that_of_lint() -> None:
    (hooked,) = re.findall(r"rev: v(.+)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert f"\nruff=={hooked}\n" in (ROOT / "constraints.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["singan", "runner"])
def test_a_package_says_that_it_has_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_what_drives_a_browser_says_so() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")}
    driving = {name for name, text in texts.items() if re.search(r"^from playwright", text, re.MULTILINE)}
    marked = {name for name, text in texts.items() if "pytest.mark.browser\n" in text}
    assert driving == marked != set()
