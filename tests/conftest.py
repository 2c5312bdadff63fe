"""Fixtures that many tests share, and what holds for all of them: no network, one thread, one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import requests
import torch
from playwright.sync_api import Browser, BrowserContext

from helpers.lab import Lab
from helpers.shell import Shell
from helpers.tiny_study import TinyStudy, write_tiny_study
from helpers.viewers import chromium, quiet_context

# A busy machine is slow, and slowness is no failure.
hypothesis.settings.register_profile(
    "lab", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("lab")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: a worker that gets one last keeps all others waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny tensors gain nothing from a second thread, and lose much when the machine is busy."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes take longer to start than tiny levels to train; tests of them ask for several."""
    monkeypatch.setenv("SINGAN_JOBS", "1")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test's outcome may hang on what can be downloaded where it runs."""

    def refuse(*arguments: object, **options: object) -> None:
        raise requests.ConnectionError("tests do not use the network")

    monkeypatch.setattr(requests.Session, "request", refuse)


@pytest.fixture
def tiny_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyStudy:
    return write_tiny_study(tmp_path, monkeypatch)


@pytest.fixture
def singan(
    tiny_study: TinyStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """The command line, in the folder of the tiny study."""
    monkeypatch.chdir(tmp_path)
    return Shell(monkeypatch, capsys)


@pytest.fixture
def lab(tiny_study: TinyStudy, tmp_path: Path) -> Lab:
    """The tiny study with a store and a record."""
    return Lab(tiny_study, tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A module's browser: its event loop must not outlive tests that need it."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A context of the browser, by default 1280 pixels wide; what a page says in its console is a failure."""
    with quiet_context(browser, getattr(request, "param", {})) as context:
        yield context
