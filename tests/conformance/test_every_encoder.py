"""What every encoder promises, beyond its network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conformance.members import built_by_table, members_of

from hmlc_ray.config.base import FEATURES, IMAGES, POINTS, Modality
from hmlc_ray.config.encoder import EncoderSection
from hmlc_ray.encoders import BUILDERS, Encoder, build_encoder
from hmlc_ray.errors import ConfigError
from hmlc_ray.training.export.program import encoder_program
from hmlc_ray.training.export.quiet import quiet

SHAPES: dict[Modality, tuple[int, ...]] = {IMAGES: (3, 24, 24), POINTS: (40, 3), FEATURES: (12,)}
CONFIGS = {config.kind: config for config in members_of("encoder")}
CASES = [(config, modality) for config in CONFIGS.values() for modality in config.TAKES]
ONE_OF_EACH = {BUILDERS.get(kind, kind): (config, config.TAKES[0]) for kind, config in reversed(CONFIGS.items())}
"""Kinds that are built by the same class are exported alike."""


def named(value: Any) -> str:
    return str(getattr(value, "kind", value))


def built(config: Any, modality: Modality) -> Encoder:
    torch.manual_seed(0)
    return build_encoder(config, SHAPES[modality])


def inputs(modality: Modality, count: int = 4) -> torch.Tensor:
    return torch.rand(count, *SHAPES[modality], generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*BUILDERS} == built_by_table("encoder")


@pytest.mark.parametrize("config", CONFIGS.values(), ids=named)
def test_its_configuration_is_a_part_of_the_union(config: Any) -> None:
    assert isinstance(config, EncoderSection)
    assert {*config.TAKES} <= {*SHAPES}
    assert type(config).model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(("config", "modality"), CASES, ids=named)
def test_it_gives_its_features_and_trains_all_parameters(config: Any, modality: Modality) -> None:
    encoder = built(config, modality)
    features = encoder(inputs(modality))
    assert features.shape == (4, encoder.feature_dim)
    assert any(True for _ in encoder.parameters()) == config.HAS_PARAMETERS
    if config.HAS_PARAMETERS:
        features.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    encoder.eval()
    with torch.no_grad():
        one = encoder(inputs(modality)[:1])
        torch.testing.assert_close(encoder(inputs(modality))[:1], one, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("config", "modality"), CASES, ids=named)
def test_the_same_seed_gives_the_same_weights_and_state_is_restored(config: Any, modality: Modality) -> None:
    one, again = built(config, modality), built(config, modality)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), again.state_dict().values(), strict=True))
    one(inputs(modality))  # what a norm has seen is state too
    again.load_state_dict(one.state_dict())
    with torch.no_grad():
        assert torch.equal(one.eval()(inputs(modality)), again.eval()(inputs(modality)))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=named)
def test_samples_that_it_does_not_take_are_refused_in_one_sentence(config: Any) -> None:
    for modality in {*SHAPES} - {*config.TAKES}:
        with pytest.raises(ConfigError, match=rf"encoder `{config.kind}` takes .*, the data has shape"):
            built(config, modality)


@pytest.mark.slow
@pytest.mark.parametrize(("config", "modality"), ONE_OF_EACH.values(), ids=named)
def test_it_is_exported_for_any_batch(config: Any, modality: Modality) -> None:
    encoder = built(config, modality).eval()
    with quiet():
        program = encoder_program(encoder, SHAPES[modality]).module()
    with torch.no_grad():
        for count in (1, 5):
            torch.testing.assert_close(
                program(inputs(modality, count)), encoder(inputs(modality, count)), atol=1e-4, rtol=1e-4
            )
