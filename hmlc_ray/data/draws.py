"""Random numbers on the device where they are used."""

from __future__ import annotations

import torch


def generator_on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """The generator itself on the CPU; elsewhere one of that device, seeded from it."""
    if device.type == "cpu":
        return generator
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
