"""A packed step is the steps of its members."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import packing


@pytest.mark.parametrize("name", packing.NETWORKS)
def test_the_second_packed_step_has_the_losses_of_each_trial_alone(name: str) -> None:
    apart, packed = packing.pair(name, members=2, samples=12, device=torch.device("cpu"))
    alone, together = [*apart(), *apart()], [*packed(), *packed()]
    assert alone[0] != alone[2], "nothing was learned"
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
