"""Names that are too long for where they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import count


def cut(text: str, letters: int) -> str:
    """At most `letters` characters, the last of them `…` if something was cut."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def cut_apart(names: Iterable[str], letters: int, clean: Callable[[str], str] = str) -> dict[str, str]:
    """Names, each as it is shown; those that differ are shown differently.

    Those that begin alike keep their ends too (`chair with …h wheels`); where that does not help, they are numbered.

    Args:
        clean: replaces what cannot be shown.
    """
    whole = {name: clean(name) for name in names}
    shown = {name: cut(text, letters) for name, text in whole.items()}
    shown |= {name: _with_end(whole[name], letters) for name in _alike(shown)}
    for name in _alike(shown):
        taken = {*shown.values()}
        numbered = (_with_end(whole[name], letters - len(f" ({n})")) + f" ({n})" for n in count(1))
        shown[name] = next(text for text in numbered if text not in taken)
    return shown


def _alike(shown: Mapping[str, str]) -> list[str]:
    counts = Counter(shown.values())
    return [name for name, text in shown.items() if counts[text] > 1]


def _with_end(text: str, letters: int) -> str:
    if len(text) <= letters:
        return text
    end = letters // 2
    return f"{text[: letters - 1 - end]}…{text[-end:]}"
