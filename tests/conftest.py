"""Order of the tests: fast ones first, so that a plain mistake shows within seconds."""

from __future__ import annotations

import signal
from itertools import count

import pytest

_NUMBERS = count()

# Tests started in the background of a script would hand on that Ctrl-C is ignored to the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `slow` go last; otherwise the order stays."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decoded data of a test lie in a folder of its own, which is made when something is written there."""
    monkeypatch.setenv("HMLC_CACHE", str(tmp_path_factory.getbasetemp() / f"cache{next(_NUMBERS)}"))
