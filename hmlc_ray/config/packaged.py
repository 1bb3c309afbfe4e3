"""Search spaces and suites that come with the package, by their names."""

from __future__ import annotations

import os
from pathlib import Path

from hmlc_ray.errors import ConfigError
from hmlc_ray.machine.user import expanded
from hmlc_ray.names.nearest import nearest

FOLDER = Path(__file__).parents[1] / "search_spaces"
SUITES = "suites"


def packaged(*, suites_first: bool = False) -> dict[str, Path]:
    """Every search space and suite of the package by its name.

    A suite is also `suites/NAME`; where a search space has the same name, `suites_first` decides which one NAME is.
    """
    spaces = {file.stem: file for file in sorted(FOLDER.glob("*.yaml"))}
    suites = {file.stem: file for file in sorted((FOLDER / SUITES).glob("*.yaml"))}
    full = {f"{SUITES}/{name}": file for name, file in suites.items()}
    return {**spaces, **suites, **full} if suites_first else {**suites, **spaces, **full}


def configuration_file(path: str | os.PathLike[str], *, suites_first: bool = False) -> Path:
    """The file that a command line or a call names: a file of its own or, where there is none, one of the package.

    Raises:
        ConfigError: if it is a bare name, and neither a file nor a configuration of the package.
    """
    given = Path(expanded(path))
    if os.path.isfile(given) or given.suffix or given.is_absolute():
        return given
    known = packaged(suites_first=suites_first)
    if str(path) in known:
        return known[str(path)]
    if os.path.lexists(given) or os.path.basename(str(path)) != str(path):  # `./digits` is a path too
        return given
    shown = [name for name in known if "/" not in name]
    raise ConfigError(
        f"{path}: there is no such file, and the package has no search space or suite of that name"
        f"{nearest(str(path), shown)}; it has {', '.join(sorted(shown))}"
    )
