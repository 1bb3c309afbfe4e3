"""From a folder of images to a finished study, with the search space that `hmlc new` writes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sandbox import Sandbox


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.data
def test_the_smoke_profile_of_a_new_search_space_runs(sandbox: Sandbox) -> None:
    random = np.random.default_rng(0)
    for leaf in ("fruit/apple", "fruit/pear", "tool/saw", "tool/axe"):
        folder = sandbox.folder / "My fruit" / leaf
        folder.mkdir(parents=True)
        for number in range(12):
            Image.fromarray(random.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(folder / f"{number}.jpg")
    made = sandbox.here("new", "My fruit", "--no-measure")
    assert made.returncode == 0, made.stderr
    done = sandbox.hmlc("sweep", "my-fruit.yaml", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    assert sandbox.statuses("my-fruit") == ["completed", "completed"]
    compared = sandbox.here("compare", "my-fruit:0", "my-fruit:1")
    assert compared.returncode == 0, compared.stderr
    assert "objective.temperature" in compared.stdout
    watched = sandbox.here("watch", "my-fruit")
    assert (watched.returncode, watched.stdout.splitlines()[-1]) == (0, "my-fruit is complete")
