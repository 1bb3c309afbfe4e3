"""How people call splits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Literal

Role = Literal["train", "val", "test"]
SPLIT_NAMES: tuple[Role, ...] = ("train", "val", "test")

_TRAIN = "tr train trained training trains trainval trn"
_VAL = "dev devel development eval evaluation val valid validate validating validation"
_TEST = "holdout te test testing tests ts tst"
_WORDS: dict[str, Role] = {
    **dict.fromkeys(_TRAIN.split(), "train"),
    **dict.fromkeys(_VAL.split(), "val"),
    **dict.fromkeys(_TEST.split(), "test"),
}
_BESIDE = (
    "a class classes data dataset datasets dir examples file files folder folders image images img imgs items mesh "
    "meshes of part photos pics pictures sample samples set sets split splits subset the"
)
_FILLERS = frozenset(_BESIDE.split())
_NO_CLASS = frozenset({"novel", "ood", "oos", "unknown", "unknowns"})
_ALONE = frozenset({"ood", "oos"})
"""Those that mean samples of no class without naming a split too; `unknown` may be a split that nobody knows."""
_LONG = re.compile(r"out[\W_]?of[\W_]?(scope|domain|distribution)|open[\W_]?set", re.IGNORECASE)
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_FOLD = re.compile(r"(fold|split|part|batch|shard|chunk|subset)[\W_]?\d+", re.IGNORECASE)


def split_role(name: str) -> Role | None:
    """The split that a folder or cell means by its name, in any of the usual spellings; None: no split.

    `train`, `Training_Set`, `train2017`, `imagesTr` -> train; `valid`, `dev` -> val; `TEST`, `hold-out` -> test.
    """
    tokens = _tokens(name)
    plain = all(_role_of(token) or token in _FILLERS or token.isdigit() for token in tokens)
    return mentioned_role(name) if plain else None


def open_set_role(name: str) -> Role | None:
    """The split with which samples of no class are judged, where that is what a split's name means; else None.

    `oos_test`, `test-ood`, `out of scope`, `unknown_test` -> test; `oos_val` -> val; `oos_train`, `unknown` -> None.
    """
    tokens = _tokens(_LONG.sub(" oos ", name))
    rest = [token for token in tokens if token not in _NO_CLASS]
    if len(rest) == len(tokens):
        return None
    role: Role | None = "test" if not rest and _ALONE & set(tokens) else split_role(" ".join(rest))
    return None if role == "train" else role


def mentioned_role(name: str) -> Role | None:
    """The one split that a name mentions, whatever else it says: `seg_train` -> train."""
    roles = {_role_of(token) for token in _tokens(name)} - {None}
    return roles.pop() if len(roles) == 1 else None


def roles_among(names: Iterable[str]) -> dict[str, Role | None]:
    """The split that each of several folders means; also by names that differ in the split alone, such as `seg_train`
    and `seg_test`."""
    found = {name: split_role(name) for name in names}
    templates: dict[tuple[str, ...], set[Role]] = {}
    for name in found:
        role = mentioned_role(name)
        if role:
            templates.setdefault(_template(name), set()).add(role)
    for name, role in found.items():
        if role is None and {"train"} < templates.get(_template(name), set()):
            found[name] = mentioned_role(name)
    return found


def is_fold(name: str) -> bool:
    """Whether a folder is called as a part of a data set: `fold1`, `split_2`."""
    return _FOLD.fullmatch(name) is not None


def _tokens(name: str) -> list[str]:
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"hold[\W_]?out", "holdout", text, flags=re.IGNORECASE)
    return [token.lower() for token in _TOKENS.findall(text)]


def _template(name: str) -> tuple[str, ...]:
    return tuple("*" if _role_of(token) else token for token in _tokens(name))


@cache
def _role_of(token: str) -> Role | None:
    if token in _WORDS:
        return _WORDS[token]
    for filler in _FILLERS:  # trainset, testdata, imagestrain
        if len(filler) > 2:
            for stem in (token.removesuffix(filler), token.removeprefix(filler)):
                if stem != token and len(stem) > 2 and stem in _WORDS:
                    return _WORDS[stem]
    return None
