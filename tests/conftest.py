"""Order and grouping of the tests, and what keeps a run of all of them short (CONTRIBUTING.md, "Keeping it fast")."""

from __future__ import annotations

import os
import signal
from itertools import count

# Before anything loads torch or numpy: two processes of tests on two cores, with a pool of threads each that waits by
# spinning, take each other's time. What a test runs has threads as its configuration says.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What a command is doing is printed by the clock, and tests compare what it prints.
os.environ.setdefault("HMLC_ACTIVITY", "0")

import pytest
from hypothesis import HealthCheck, settings
from longest import LONGEST
from quick_stores import fill_template, made_once, quicken_stores

_NUMBERS = count()
SLOW_S = 900
"""Seconds that a slow test may take unless it has a limit of its own: each command that starts Ray takes minutes on a
machine under load."""

# The same examples in every run, and none fails by the clock; `make fuzz` and HYPOTHESIS_PROFILE=random draw others.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("random" if os.environ.get("HYPOTHESIS_PROFILE") else "repeatable")

# Tests started in the background of a script would hand on that Ctrl-C is ignored to the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests go first, so that a plain mistake shows within seconds; then the slow ones, the longest before all.

    A group stays in one process of pytest-xdist: the quick tests of a file, and those slow ones of a file that share
    its fixtures. Every other slow test is a group of its own.
    """
    ranks: dict[str, int] = {}
    for item in items:
        group = _group(item)
        item.add_marker(pytest.mark.xdist_group(group))
        ranks[group] = min(ranks.get(group, len(LONGEST)), _rank(item))
    for item in filter(_is_slow, items):
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SLOW_S))
    items.sort(key=lambda item: ranks[_group(item)] if _is_slow(item) else -1)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A pytest whose ids pytest-xdist cannot write ignores every group without a word (pytest-xdist#1386)."""
    if session.items and getattr(session.config.option, "loadgroup", False):
        name = session.items[0].nodeid
        assert "@" in name, f"pytest {pytest.__version__} and this pytest-xdist do not group tests: {name} has no group"


def _group(item: pytest.Item) -> str:
    file = item.nodeid.partition("::")[0]
    if not _is_slow(item):
        return file
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    shares = any(found[-1].scope in ("module", "package") for found in fixtures)
    return f"{file}, slow" if shares else item.nodeid.replace("@", " at ")


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _rank(item: pytest.Item) -> int:
    name = getattr(item, "originalname", item.name)
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decoded data of a test lie in a folder of its own, which is made when something is written there."""
    monkeypatch.setenv("HMLC_CACHE", str(tmp_path_factory.getbasetemp() / f"cache{next(_NUMBERS)}"))


@pytest.fixture(autouse=True)
def _quick_stores(tmp_path_factory: pytest.TempPathFactory) -> None:
    quicken_stores(lambda: made_once(tmp_path_factory, "store", fill_template) / "mlflow.db")
