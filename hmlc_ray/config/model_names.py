"""The models of the installed torchvision and timm, read off their sources: importing either takes seconds of torch."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Library = Literal["torchvision", "timm"]
_MODEL = r"(?m)^@register_model(?:\(\))?\n(?:@.*\n)*def (\w+)\("
_TAGGED = r"""["'](\w+)\.([\w.]+)["']\s*:"""
_NEAR = 5


@cache
def model_names(library: Library) -> tuple[str, ...]:
    """Sorted names; none where the library is not installed, as on a machine that only checks files."""
    return tuple(sorted(name for source in _sources(library) for name in re.findall(_MODEL, source)))


def unknown_model(library: Library, name: str) -> str | None:
    """What is wrong with the name of a model, as the end of a sentence that begins with its key; None: nothing, or the
    library is not installed.

    A model of timm may be followed by the tag of its weights, `resnet50.a1_in1k`.
    """
    known = model_names(library)
    model, dot, tag = (name, "", "") if library == "torchvision" else name.partition(".")
    if not known or (model in known and (not dot or _is_tag(library, model, tag))):
        return None
    what = "classification model" if library == "torchvision" else "model"
    if model in known:
        tags = _tags(library).get(model)
        there = f"the tags of {model} are {', '.join(tags)}" if tags else f"{model} has no tags of weights"
        return f"is {name!r}, but {library} has no weights of that tag; {there}"
    from difflib import get_close_matches

    near = get_close_matches(model.lower(), known, n=_NEAR, cutoff=0.5)
    hint = f"near ones are {', '.join(near)}" if near else f"there are {', '.join(known[:3])}, ..."
    return f"is {name!r}, which {library} has no {what} of; {hint}"


def _is_tag(library: Library, model: str, tag: str) -> bool:
    """Whether a model has such weights, or some model has and the tags of this one are made by its program."""
    listed = _tags(library).get(model, ())
    ending = re.compile(rf"""["'.]{re.escape(tag)}["']""")
    return tag in listed or (not listed and tag != "" and any(ending.search(source) for source in _sources(library)))


@cache
def _tags(library: Library) -> dict[str, list[str]]:
    """Sorted tags by model, as far as the source lists them one by one."""
    pairs = {pair for source in _sources(library) for pair in re.findall(_TAGGED, source)}
    found: dict[str, list[str]] = {}
    for model, tag in sorted(pairs):
        found.setdefault(model, []).append(tag)
    return found


@cache
def _sources(library: Library) -> tuple[str, ...]:
    spec = find_spec(library)
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in sorted((Path(folder) / "models").glob("*.py"))]
    return tuple(file.read_text(encoding="utf-8") for file in files)
