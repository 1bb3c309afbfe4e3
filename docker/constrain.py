"""Writes docker/constraints.txt: the versions, in this environment, of everything that the images install.

    .venv/bin/python docker/constrain.py

Run it in an environment in which the tests have passed. Versions are without local parts (`+cpu`), so that one file
serves both images: the CPU image finds torch's CPU build on the index that its Dockerfile names.
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

EXTRAS = ("postgres", "s3", "server")
"""Of hmlc-ray, as the Dockerfiles install it."""
FILE = Path(__file__).with_name("constraints.txt")
HEADER = "# The versions that the tests passed with. Written by docker/constrain.py; do not edit.\n"


def closure(name: str, extras: tuple[str, ...] = ()) -> dict[str, str]:
    """Name and public version of every distribution that one needs, itself left out."""
    found: dict[str, str] = {}
    todo = [(name, extras)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        package = distribution(current[0])
        found[canonicalize_name(current[0])] = Version(package.version).public
        for text in package.requires or ():
            need = Requirement(text)
            if _wanted(need, current[1]):
                todo.append((canonicalize_name(need.name), tuple(sorted(need.extras))))
    del found[canonicalize_name(name)]
    return found


def _wanted(need: Requirement, extras: tuple[str, ...]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*extras, ""))


if __name__ == "__main__":
    versions = closure("hmlc-ray", EXTRAS)
    FILE.write_text(HEADER + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions)), encoding="utf-8")
    print(f"{FILE}: {len(versions)} packages")
