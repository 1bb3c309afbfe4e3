"""Which kernels a run chooses, and that they are put back after it."""

from __future__ import annotations

import pytest
import torch

from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.training.seeding import is_deterministic, kernels


@pytest.mark.parametrize(
    ("given", "device", "expected"),
    [(None, "cpu", True), (None, "cuda", False), (True, "cuda", True), (False, "cpu", False)],
)
def test_kernels_are_deterministic_on_a_cpu_unless_the_configuration_says(
    given: bool | None, device: str, expected: bool
) -> None:
    assert is_deterministic(TrainingConfig(deterministic=given), torch.device(device)) is expected


def test_the_choice_of_kernels_is_put_back() -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.get_num_threads()
    for given in (True, False):
        with kernels(TrainingConfig(deterministic=given, cpu_threads=1), torch.device("cpu")):
            assert torch.are_deterministic_algorithms_enabled() is given
            assert torch.backends.cudnn.benchmark is not given
            assert torch.get_num_threads() == 1
    after = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.get_num_threads()
    assert after == before
