"""A search space for somebody's own data: `new`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.errors import ConfigError

if TYPE_CHECKING:
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.runs.starting.proposal import NewSpace

Kind = Literal["image-folder", "mesh-folder", "point-folder", "manifest", "features", "hf-dataset"]


def new(
    folder: AnyPath,
    *,
    out: AnyPath | None = None,
    kind: Kind | None = None,
    overrides: Overrides = (),
    measure: bool = True,
    home: AnyPath | None = None,
    note: Callable[[str], None] | None = None,
) -> NewSpace:
    """Look at your data and write a search space for them, with comments and a smoke profile.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from hmlc_ray import check, new
    >>> Path("shapes").mkdir()
    >>> np.save("shapes/features.npy", np.random.default_rng(0).normal(size=(40, 8)))
    >>> rows = [f"leaf{n % 4},group{n % 2}" for n in range(40)]
    >>> _ = Path("shapes/labels.csv").write_text("leaf,group\\n" + "\\n".join(rows))
    >>> space = new("shapes", measure=False)
    >>> print(space.file, space.level_names, space.classes)
    shapes.yaml ('group', 'leaf') (2, 4)
    >>> check(space.file, profile="smoke").config.study.num_trials
    2

    Args:
        folder: images, meshes or point clouds in class folders, a folder with a table of features, or one that
            `save_to_disk` of Hugging Face datasets wrote; or such a table, or a CSV file that lists images.
        out: the file to write; by default the folder's name with `.yaml`, in the current folder.
        kind: the kind of data, where the folder holds several.
        overrides: keys of `data`, such as `{"data.uneven": "fill"}`; see `train`.
        measure: train a short epoch in this process, for an estimate of the time.
        home: the home folder, in whose cache decoded images are kept; see `train`.
        note: called with a sentence before what takes its time; by default it is logged.

    Raises:
        DataError, TaxonomyError: if the data cannot be trained on, naming the file or class and the remedy.
        ConfigError: if the file exists already or cannot be written, or an override is wrong.
    """
    known = get_args(Kind)
    if kind is not None and kind not in known:
        raise ConfigError(f"--kind must be one of {', '.join(known)}, got {kind!r}")
    note = note or logging.getLogger("hmlc_ray").info
    wanted = (Path(folder), None if out is None else Path(out), kind)
    return calls.new(wanted, overrides, workspace_of(home), note, measured=measure)
