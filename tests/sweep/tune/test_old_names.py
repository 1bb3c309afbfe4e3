"""What Tune's snapshots of older versions name can still be imported."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

# As seen in `tuner.pkl` and `experiment_state-*.json` of studies that earlier commits began.
PICKLED = [
    "hmlc_ray.config.dimensions.FloatRange",
    "hmlc_ray.config.space.SearchSpace",
    "hmlc_ray.config.sweep.StudyConfig",
    "hmlc_ray.sweep.asha.Asha",
    "hmlc_ray.sweep.samplers.NumberedRandom",
    "hmlc_ray.sweep.samplers.NumberedTpe",
    "hmlc_ray.sweep.samplers.Stream",
    "hmlc_ray.sweep.search.StudySearch",
    "hmlc_ray.sweep.search._NumberedRandom",
    "hmlc_ray.sweep.search._NumberedTpe",
    "hmlc_ray.sweep.session.AlreadyEnded",
    "hmlc_ray.sweep.session.SessionCallback",
    "hmlc_ray.sweep.tuning._trial_folder",
]
_LOADS = """
import pickle, sys
from hmlc_ray.sweep.tune.old_names import know_old_names
know_old_names()
for name in sys.argv[1:]:
    module, _, attribute = name.rpartition(".")
    print(pickle.loads(f"c{module}\\n{attribute}\\n.".encode()).__module__)
"""


@pytest.mark.slow
def test_pickles_of_older_versions_find_what_has_moved() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADS, *PICKLED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert len(modules) == len(PICKLED)
    assert all(module.startswith(("hmlc_ray.config.", "hmlc_ray.sweep.tune.")) for module in modules)


def test_without_the_old_names_such_a_pickle_cannot_be_read() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"hmlc_ray\.sweep\.no_such"):
        pickle.loads(b"chmlc_ray.sweep.no_such\nAsha\n.")
