"""Whether a study's encoder is registered, by the environment."""

from __future__ import annotations

import pytest

from hmlc_ray.errors import ConfigError
from hmlc_ray.sweep.outcome.model import registers


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF", " off "])
def test_no(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_REGISTER", text)
    assert not registers()


@pytest.mark.parametrize("text", ["", "1", "True", "yes", "on"])
def test_yes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_REGISTER", text)
    assert registers()


def test_other_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_REGISTER", "none")
    with pytest.raises(ConfigError, match="HMLC_REGISTER must be 1 or 0, got 'none'"):
        registers()
