"""The workflows ask for little and are pinned; their scripts do the right thing, whatever a run ends with."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from runner.study.load import load_study

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / ".github" / "scripts"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

BLANK_GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")

MAY_WRITE = {
    "pages.yml": {"deploy": {"pages", "id-token"}},
    "study.yml": {"again": {"actions"}, "propose": {"contents", "pull-requests"}},
    "tests.yml": dict[str, set[str]](),
}
"""What each job may change; those not named only read."""

NEED = {
    "train.sh": 'train.sh "$PROFILE"',
    "again.sh": 'again.sh "$PROFILE" "$RUNNER_LABEL" "$ROUNDS"',
    "propose.sh": 'propose.sh "$PROFILE" "$OUTCOME"',
    "chromium.sh": "chromium.sh",
}
"""How the workflows call each script."""


class Runner:
    """A machine of GitHub's: a folder, some variables, and programs that only note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / "work"
        self.output = folder / "output"
        (folder / "bin").mkdir()
        self.work.mkdir()
        self.variables = {
            **BLANK_GIT,
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": "somebody/lab",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SERVER_URL": "https://github.com",
        }

    def fake(self, name: str, status: int = 0) -> None:
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\nfor word in {name.rpartition("/")[2]} "$@"; do printf \'%s\\n\' "$word"; done'
            f" >>'{self.folder / 'calls'}'\nexit {status}\n",
            encoding="utf-8",
        )
        program.chmod(0o755)

    def calls(self) -> list[str]:
        """Every word of every call, one after the other."""
        path = self.folder / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPTS / script, *arguments],
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *AUTHOR, *arguments],
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def cloned(runner: Runner) -> Runner:
    """With a clone of a repository that has a record."""
    runner.fake("gh")
    runner.git("init", "--quiet", "--bare", "--initial-branch=main", str(runner.folder / "origin"))
    runner.git("init", "--quiet", "--initial-branch=main")
    runner.git("remote", "add", "origin", str(runner.folder / "origin"))
    (runner.work / "results").mkdir()
    (runner.work / "results" / "old.json").write_text("{}", encoding="utf-8")
    runner.git("add", "--all")
    runner.git("commit", "--quiet", "--message", "Record")
    runner.git("push", "--quiet", "origin", "main")
    return runner


@pytest.mark.parametrize(
    ("status", "outcome", "ends"),
    [
        (0, "outcome=done\n", 0),
        (1, "outcome=failed\n", 1),
        (3, "outcome=left\n", 0),
        (2, None, 2),
        (130, None, 130),
    ],
)
def test_training_tells_what_came_of_it(runner: Runner, status: int, outcome: str | None, ends: int) -> None:
    runner.fake("singan", status)
    assert runner.run("train.sh", "paper").returncode == ends
    assert runner.calls() == ["singan", "run", "--profile", "paper", "--time-limit", "330m"]
    written = runner.output.read_text(encoding="utf-8") if runner.output.exists() else None
    assert written == outcome


def test_what_is_left_is_done_in_another_round(runner: Runner) -> None:
    runner.fake("gh")
    assert runner.run("again.sh", "paper", "gpu machine", "3").returncode == 0
    fields = ["--field", "profile=paper", "--field", "runner=gpu machine", "--field", "rounds=2"]
    assert runner.calls() == ["gh", "workflow", "run", "study.yml", "--ref", "main", *fields]


def test_rounds_end(runner: Runner) -> None:
    runner.fake("gh")
    done = runner.run("again.sh", "paper", "ubuntu-latest", "1")
    assert done.returncode == 1
    assert "no round to do it in" in done.stderr
    assert runner.calls() == []


@pytest.mark.parametrize(("outcome", "tells"), [("done", False), ("failed", True)])
def test_a_new_record_is_proposed_and_nothing_else(cloned: Runner, outcome: str, tells: bool) -> None:
    (cloned.work / "results" / "new.json").write_text("{}", encoding="utf-8")
    (cloned.work / "results" / "old.json").unlink()
    (cloned.work / "store").mkdir()
    (cloned.work / "store" / "private").touch()
    done = cloned.run("propose.sh", "paper", outcome)
    assert (done.returncode, done.stderr) == (0, "")
    branch = "record-paper-77-1"
    changed = cloned.git("diff", "--name-status", "--no-renames", "main", f"origin/{branch}")
    assert changed == "A\tresults/new.json\nD\tresults/old.json\n"
    assert cloned.git("rev-parse", "origin/main") == cloned.git("rev-parse", "main")
    *called, told = cloned.calls()
    assert called[:7] == ["gh", "pr", "create", "--base", "main", "--head", branch]
    assert told.startswith("Trained by https://github.com/somebody/lab/actions/runs/77.")
    assert ("Some runs failed" in told) == tells


def test_an_old_record_is_not_proposed(cloned: Runner) -> None:
    done = cloned.run("propose.sh", "paper", "done")
    assert (done.returncode, done.stdout) == (0, "Nothing in results/ is new.\n")
    assert cloned.calls() == []
    assert cloned.git("branch", "--all", "--format=%(refname:short)").split() == ["main", "origin/main"]


def test_a_pull_request_that_is_refused_is_a_failure(cloned: Runner) -> None:
    cloned.fake("gh", 4)
    (cloned.work / "results" / "new.json").write_text("{}", encoding="utf-8")
    assert cloned.run("propose.sh", "paper", "done").returncode == 4


def test_chromium_is_put_where_tests_look(runner: Runner) -> None:
    binaries = runner.work / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, line in (
        ("playwright", 'test "$*" = "install --with-deps chromium"'),
        ("python", "echo /a/chrome"),
    ):
        (binaries / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (binaries / name).chmod(0o755)
    runner.fake("sudo")
    assert runner.run("chromium.sh").returncode == 0
    assert runner.calls() == ["sudo", "ln", "--symbolic", "--force", "/a/chrome", "/usr/local/bin/chromium"]


def blocks(text: str, indent: int) -> dict[str, str]:
    """The mappings of a YAML text whose keys stand that far in, by key."""
    keys = list(re.finditer(rf"^ {{{indent}}}([\w-]+):(?=[ \n])", text, re.MULTILINE))
    ends = [*(key.start() for key in keys[1:]), len(text)]
    return {key[1]: text[key.end() : end] for key, end in zip(keys, ends, strict=True)}


def granted(block: str, indent: int) -> dict[str, str]:
    """The permissions in a block, which says what they are."""
    found = blocks(block, indent)["permissions"]
    return dict(re.findall(r"^ +([\w-]+): (\w+)$", found, re.MULTILINE))


def test_all_workflows_are_looked_at() -> None:
    assert {path.name for path in WORKFLOWS} == MAY_WRITE.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_has_to(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    whole = granted(text, 0)
    assert set(whole.values()) <= {"read"}
    jobs = blocks(blocks(text, 0)["jobs"], 2)
    for name, job in jobs.items():
        may = granted(job, 4) if "permissions" in blocks(job, 4) else whole
        writes = {what for what, how in may.items() if how == "write"}
        assert writes == MAY_WRITE[path.name].get(name, set()), name
        installs = re.search(r"run: make\b", job) is not None
        assert not (installs and writes), f"{name} runs what strangers wrote, and may write"
        keeps = "persist-credentials: false" not in job and "actions/checkout@" in job
        assert keeps <= (name == "propose"), f"{name} leaves its token behind"
    assert MAY_WRITE[path.name].keys() <= jobs.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_one_version_each(path: Path) -> None:
    pinned: dict[str, set[str]] = {}
    for line in re.findall(r"uses: *(.*)", path.read_text(encoding="utf-8")):
        found = re.fullmatch(r"(actions/[\w-]+)[\w/-]*@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line)
        assert found, line
        pinned.setdefault(found[1], set()).add(found[2])
    assert pinned
    assert all(len(commits) == 1 for commits in pinned.values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_shell_reads_what_somebody_typed(path: Path) -> None:
    """Inputs come by variables, quoted: an expression in a script is pasted into it."""
    for line in re.findall(r"run: (.*)", path.read_text(encoding="utf-8")):
        assert "${{" not in line
        assert line not in {"|", ">"}, "what has several lines belongs into a script"


def test_scripts_are_called_as_they_want_to_be() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert {path.name for path in SCRIPTS.iterdir()} == NEED.keys()
    for name, call in NEED.items():
        assert f".github/scripts/{call}\n" in texts
        assert (SCRIPTS / name).stat().st_mode & stat.S_IXUSR
        assert "\nset -euo pipefail\n" in (SCRIPTS / name).read_text(encoding="utf-8")


def test_the_time_limit_leaves_room_in_a_job() -> None:
    study = (ROOT / ".github" / "workflows" / "study.yml").read_text(encoding="utf-8")
    (minutes,) = map(int, re.findall(r"timeout-minutes: (\d+)", study))
    (limit,) = map(
        int, re.findall(r"--time-limit (\d+)m", (SCRIPTS / "train.sh").read_text(encoding="utf-8"))
    )
    assert limit + 20 <= minutes <= 6 * 60


def test_every_python_that_is_promised_is_tested() -> None:
    tests = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert 'python: ["3.11", "3.12", "3.13", "3.14"]' in tests
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_profile_can_be_asked_for() -> None:
    study = (ROOT / ".github" / "workflows" / "study.yml").read_text(encoding="utf-8")
    (options,) = re.findall(r"options: \[(.*)\]", study)
    assert set(options.split(", ")) == load_study(ROOT / "experiments.toml").profile.keys()
