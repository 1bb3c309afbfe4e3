"""Studies as they were started, in the home folder. No Ray here: `hmlc best` must start fast."""

from __future__ import annotations

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home

SWEEP_FILE = "sweep.json"


def is_saved(name: str, home: Home) -> bool:
    """Whether the home folder has a study of that name."""
    return (home.study(name) / SWEEP_FILE).exists()


def save_study(sweep: SweepConfig, home: Home) -> None:
    """Keep the sweep for `load_study`; the file appears whole or not at all."""
    folder = home.study(sweep.study.name)
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{SWEEP_FILE}"
    staging.write_text(sweep.model_dump_json(indent=2), encoding="utf-8")
    staging.replace(folder / SWEEP_FILE)


def load_study(name: str, home: Home) -> SweepConfig:
    """The sweep as it was started.

    Raises:
        StudyError: if the home folder has no study of that name, or its file is damaged.
    """
    file = home.study(name) / SWEEP_FILE
    if not file.is_file():
        folder = home.root / "studies"
        known = sorted(path.parent.name for path in folder.glob(f"*/{SWEEP_FILE}"))
        raise StudyError(
            f"there is no study {name!r} in {home.root}; "
            + (f"it has {', '.join(known)}" if known else "it has none yet")
        )
    try:
        return SweepConfig.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(
            f"{file} cannot be read ({str(error).splitlines()[0]}): it is damaged or of another version"
        ) from error
