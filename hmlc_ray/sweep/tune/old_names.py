"""Modules that have moved, under the names by which Tune's snapshots of older versions know them.

Tune pickles the searcher, the scheduler and the callbacks of a study by the names of their modules. Without their old
names a study that an older version began could not be resumed.
"""

from __future__ import annotations

import sys
from importlib import import_module

MOVED = {
    "hmlc_ray.sweep.asha": "hmlc_ray.sweep.tune.asha",
    "hmlc_ray.sweep.points": "hmlc_ray.sweep.tune.points",
    "hmlc_ray.sweep.samplers": "hmlc_ray.sweep.tune.samplers",
    "hmlc_ray.sweep.search": "hmlc_ray.sweep.tune.search",
    "hmlc_ray.sweep.session": "hmlc_ray.sweep.tune.recorder",
    "hmlc_ray.sweep.tuning": "hmlc_ray.sweep.tune.tuner",
}
"""Old name to new; a name stays here for as long as studies that were begun under it may be resumed."""


def know_old_names() -> None:
    """Make the old names importable, for as long as this process lives: Tune reads its snapshots at several times."""
    for old, new in MOVED.items():
        sys.modules.setdefault(old, import_module(new))
