"""Which folders are splits, which are classes, and which are neither: by their names and their depth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.folders.notes import some
from hmlc_ray.folders.split_names import SPLIT_NAMES, Role, is_fold, mentioned_role, roles_among
from hmlc_ray.folders.walk import ClassPath

Leaves = dict[ClassPath, list[Path]]
Splits = dict[str, Leaves]
"""Samples of each class folder, by split; `train` alone where none are given."""
Roles = dict[str, Role | None]
"""The split that each of several folders means by its name."""

_BESIDE = "all annotations docs extra full labels masks misc other raw unlabeled unlabelled unsup unsupervised"
_COMPANIONS = frozenset(_BESIDE.split())
_CONTAINERS = frozenset({"data", "image", "images", "img", "imgs", "jpegimages", "photos", "pictures"})
AS_CLASSES = "data.splits: none takes all folders as classes"


def find_splits(root: Path, leaves: Leaves) -> Splits:
    """The splits that folders name, wherever in the paths, and the class paths without them.

    Raises:
        DataError: if it is not clear which folders are splits; naming them and the setting that says it.
    """
    position, roles = _split_position(root, leaves)
    if position is None:
        splits: Splits = {"train": leaves}
    else:
        splits, deepest = {}, max(map(len, leaves))
        for path, files in sorted(leaves.items(), key=lambda item: (roles[item[0][position]] != "train", item[0])):
            role, rest = roles[path[position]], _without(path, position)
            assert role is not None, "all names at this position are splits"
            if not rest or len(path) == position + 1 < deepest:
                raise _unlabelled(root, path, role, roles)
            splits.setdefault(role, {}).setdefault(rest, []).extend(files)
    splits = {role: _unwrapped(role, splits[role]) for role in SPLIT_NAMES if role in splits}
    for found in splits.values():
        _refuse_inner_splits(root, found, first=1 if position is None else 0)
    return splits


def constant_positions(paths: Iterable[ClassPath]) -> list[int]:
    """Positions at which all paths have the same folder, which carries no information; one position is always left.

    Args:
        paths: of the same length, at least two.
    """
    columns = list(zip(*paths, strict=True))
    same = [position for position, names in enumerate(columns) if len(set(names)) == 1]
    return same if len(same) < len(columns) else same[:-1]


def dropped(splits: Splits, positions: Iterable[int]) -> Splits:
    """The splits without these positions of their paths."""
    for position in sorted(positions, reverse=True):
        splits = {
            name: {_without(path, position): files for path, files in leaves.items()} for name, leaves in splits.items()
        }
    return splits


def filled(splits: Splits) -> Splits:
    """Paths of the same length: the last folder's name is repeated where one is short."""
    depth = max(len(path) for leaves in splits.values() for path in leaves)
    return {
        name: {path + path[-1:] * (depth - len(path)): files for path, files in leaves.items()}
        for name, leaves in splits.items()
    }


def _split_position(root: Path, leaves: Leaves) -> tuple[int | None, Roles]:
    """The position in the paths at which every folder is a split, with the splits; None where there is none."""
    for position in range(min(map(len, leaves))):
        roles = roles_among(sorted({path[position] for path in leaves}))
        found = set(roles.values())
        if None not in found and ("train" in found or position == 0 or len(found) > 1):
            if "train" not in found:
                raise DataError(
                    f"{str(root)!r} holds {' and '.join(roles)}, but no `train` folder; "
                    f"data.splits names the folder of the training split, and {AS_CLASSES}"
                )
            _refuse_twins(root, leaves, position, roles)
            return position, roles
        if position == 0:
            _refuse_mixed_top(root, leaves, roles)
            _refuse_folds(root, leaves)
    return None, {}


def _unlabelled(root: Path, path: ClassPath, role: Role, roles: Roles) -> DataError:
    others = {"/".join((*path[:-1], name)): other for name, other in roles.items() if other != role}
    alone = "" if role == "train" else f"{_settings([*others], others)} leaves it out, and "
    return DataError(
        f"{str(root.joinpath(*path))!r} holds samples but no class folder with them; {alone}{AS_CLASSES}, "
        f"{path[-1]!r} too"
    )


def _refuse_twins(root: Path, leaves: Leaves, position: int, roles: Roles) -> None:
    """Two folders, side by side, that mean the same split."""
    seen: dict[tuple[ClassPath, Role | None], str] = {}
    for path in sorted(leaves):
        other = seen.setdefault((path[:position], roles[path[position]]), path[position])
        if other != path[position]:
            where = str(root.joinpath(*path[:position]))
            raise DataError(
                f"{other!r} and {path[position]!r} in {where!r} both look like the {roles[other]} split; "
                f"data.splits: {{{roles[other]}: {other}}} (and the others) names one, and {AS_CLASSES}"
            )


def _refuse_mixed_top(root: Path, leaves: Leaves, roles: Roles) -> None:
    """Refuse splits beside other folders: those may not be classes, or the splits may be classes."""
    splits = [name for name, role in roles.items() if role]
    others = [name for name, role in roles.items() if not role]
    several = len({roles[name] for name in splits}) > 1
    if not splits or not (several or _looks_like_split(splits, others, leaves)):
        return
    look, them = ("look like splits", "them") if len(splits) > 1 else ("looks like a split", "it")
    raise DataError(
        f"{' and '.join(map(repr, splits))} in {str(root)!r} {look}, but {some(others)} beside {them} "
        f"{'do' if len(others) > 1 else 'does'} not; {_settings(splits, roles)} reads the splits alone, and "
        f"{AS_CLASSES}"
    )


def _looks_like_split(splits: list[str], others: list[str], leaves: Leaves) -> bool:
    """Whether folders of a single split, beside others, hold what splits hold: the others' classes, or deeper ones."""
    if all(other.casefold() in _COMPANIONS for other in others):
        return True
    children = {name: {path[1] for path in leaves if path[0] == name and len(path) > 1} for name in (*splits, *others)}
    depths = {name: {len(path) for path in leaves if path[0] == name} for name in (*splits, *others)}
    inner = [name for name in splits if children[name]]
    return any(children[name] & children[other] or depths[name] != depths[other] for name in inner for other in others)


def _refuse_folds(root: Path, leaves: Leaves) -> None:
    """Parts of a data set, such as `fold1` and `fold2` or `images` and `masks`, that hold the same classes."""
    names = sorted({path[0] for path in leaves})
    if len(names) < 2 or not (all(map(is_fold, names)) or all(map(_is_container, names))):
        return
    first, second = ({path[1:] for path in leaves if path[0] == name} for name in names[:2])
    if first & second - {()}:
        raise DataError(
            f"{some(names)} in {str(root)!r} look like parts of one data set and no classes; data.splits: {{train: "
            f"{names[0]}}} reads one of them, {{train: {names[0]}, test: {names[1]}}} two, and {AS_CLASSES}"
        )


def _is_container(name: str) -> bool:
    return name.casefold() in _COMPANIONS or name.casefold() in _CONTAINERS


def _refuse_inner_splits(root: Path, leaves: Leaves, first: int) -> None:
    """Folders of classes that hold several splits: a root one level too high, or splits in some classes alone; and,
    with `first` 0, splits within splits."""
    siblings: dict[ClassPath, set[str]] = {}
    for path in leaves:
        for position in range(first, len(path)):
            siblings.setdefault(path[:position], set()).add(path[position])
    for parent, names in siblings.items():
        roles = {name: role for name, role in roles_among(sorted(names)).items() if role}
        if len(set(roles.values())) > 1:
            folder = "/".join(parent)
            where = f"the folder {folder!r} below" if parent else "the splits of"
            remedy = f"if {folder!r} is the data set, set data.root to it, and {AS_CLASSES}"
            if not parent:
                remedy = "data.splits: {train: FOLDER, val: FOLDER} says which are"
            raise DataError(f"{' and '.join(map(repr, roles))} in {where} {str(root)!r} look like splits; {remedy}")


def _unwrapped(role: str, leaves: Leaves) -> Leaves:
    """Without a folder `train` that is all that `train` holds, as archives unpacked in a folder of their name make."""
    while all(len(path) > 1 and mentioned_role(path[0]) == role for path in leaves):
        leaves = {path[1:]: files for path, files in leaves.items()}
    return leaves


def check_depth(root: Path, paths: Iterable[ClassPath], empty: Iterable[ClassPath] = ()) -> None:
    """Check that every leaf lies at the same depth, and that there are two.

    Raises:
        TaxonomyError: naming two leaves with their depths, or the only one.
    """
    folders = sorted(paths)
    shallow, deep = min(folders, key=len), max(folders, key=len)
    if len(shallow) != len(deep):
        raise TaxonomyError(
            f"the tree below {str(root)!r} is uneven: {'/'.join(shallow)!r} lies {len(shallow)} deep and "
            f"{'/'.join(deep)!r} {len(deep)}; every leaf needs the same depth "
            "(data.uneven: fill repeats the last folder's name)"
        )
    if len(folders) < 2:
        others = ["/".join(path) for path in sorted(empty)]
        rest = f" (no sample lies in {some(others)})" if others else ""
        raise TaxonomyError(
            f"{str(root)!r} holds one class only, {'/'.join(folders[0])!r}; at least two are needed{rest}"
        )


def _settings(folders: list[str], roles: Mapping[str, Role | None]) -> str:
    """`data.splits: {train: train, val: valid}`."""
    pairs = {roles[name]: name for name in reversed(folders)}
    return "data.splits: {" + ", ".join(f"{role}: {pairs[role]}" for role in SPLIT_NAMES if role in pairs) + "}"


def _without(path: ClassPath, position: int) -> ClassPath:
    return path[:position] + path[position + 1 :]
