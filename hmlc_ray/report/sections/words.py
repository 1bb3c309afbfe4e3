"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float) -> str:
    """`93.8 %`."""
    return f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A value with the digits that matter."""
    return f"{value:.4g}"


def listed(words: Sequence[str], most: int = 8) -> str:
    """`a, b and c`; of very many the first ones."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def duration(seconds: float) -> str:
    """`43 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
