"""Images and points are told apart when a file is checked, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.config.base import POINTS
from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.config.files import load_trial
from hmlc_ray.config.levels import level_names
from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError

ROOT = Path(__file__).parents[2]


ENCODERS = kinds(TrialConfig.model_fields["encoder"])
FOR_POINTS = [kind for kind in ENCODERS if POINTS in ENCODERS[kind].TAKES]


def trial(text: str) -> TrialConfig:
    values: dict[str, Any] = parse_yaml(text, "f.yaml") or {}
    return validate(TrialConfig, values, "f.yaml")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("{}", ("images", "convnet")),
        ("data: {kind: mnist}", ("images", "convnet")),
        ("data: {kind: primitives}", ("points", "pointnet")),
        ("data: {kind: modelnet, root: x}\nviews: {tilt: 3}", ("points", "pointnet")),
        ("data: {kind: mesh-folder, root: x}\nencoder: {kind: dgcnn}", ("points", "dgcnn")),
        ("data: {kind: primitives}\nencoder: {kind: mlp}", ("points", "mlp")),
    ],
)
def test_a_section_without_a_kind_has_that_of_the_data(text: str, kinds: tuple[str, str]) -> None:
    config = trial(text)
    assert (config.views.kind, config.encoder.kind) == kinds
    assert TrialConfig.model_validate(config.model_dump(mode="json")) == config


def test_configurations_of_images_written_before_points_came_still_load() -> None:
    dump = trial("{}").model_dump(mode="json")
    del dump["views"]["kind"]
    assert TrialConfig.model_validate(dump).views == ViewsConfig()
    assert TrialConfig(views=ViewsConfig(flip=0.5)).views.kind == "images"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {kind: primitives}\nencoder: {kind: convnet}",
         "encoder.kind is convnet, which takes images, but data.kind primitives gives point clouds: "
         f"encoder.kind must be {', '.join(FOR_POINTS[:-1])} or {FOR_POINTS[-1]}"),
        ("data: {kind: primitives}\nencoder: {kind: resnet18}", "encoder.kind is resnet18, which takes images"),
        ("encoder: {kind: pointnet}", "encoder.kind is pointnet, which takes points, but data.kind digits"),
        ("data: {kind: mnist}\nencoder: {kind: dgcnn}", "encoder.kind is dgcnn, which takes points, but data"),
        ("data: {kind: primitives}\nviews: {kind: images}",
         "views.kind is images, but data.kind primitives gives point clouds: views.kind must be points"),
        ("views: {kind: points}", "views.kind is points, but data.kind digits gives images: views.kind must be images"),
        ("data: {kind: primitives}\nviews: {flip: 0.5}", "unknown key views.flip (it belongs to kind images)"),
        ("views: {tilt: 5}", "unknown key views.tilt (it belongs to kind points)"),
        ("data: {kind: primitives}\nviews: {resample: 600}",
         "views.resample (600) must not exceed data.num_points (512)"),
        ("data: {kind: primitives}\nviews: {resample: 100}\nencoder: {kind: mlp}",
         "encoder.kind is mlp, which takes clouds of one size only: views.resample must be null"),
        ("data: {kind: primitives}\nviews: {resample: 16}\nencoder: {kind: dgcnn, neighbours: 20}",
         "encoder.neighbours (20) must not exceed the points of a view (16)"),
        ("data: {kind: primitives}\nviews: {scale: [2, 1]}", "scale must satisfy 0 < low <= high, got [2.0, 1.0]"),
        ("data: {kind: primitives}\nviews: {up: w}", 'views.up must be one of x, y, z, got "w"'),
        ("data: {kind: primitives, per_class: 6, imbalance: 3}", "data: imbalance (3) must not exceed a third"),
        ("data: {kind: modelnet}", "data.root is missing"),
        ("data: {kind: modelnet, root: x, variant: modelnet50}", "data.variant must be one of modelnet40, modelnet10"),
        ("data: {kind: meshfolder, root: x}", "data.kind is \"meshfolder\" (did you mean 'mesh-folder'?)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trial(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_override_of_the_data_finds_the_views_that_no_longer_fit(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("data: {kind: digits}\nviews: {flip: 0.5}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"unknown key views\.flip \(it belongs to kind images\)"):
        load_trial(file, ["data.kind=primitives"])
    config = load_trial(file, ["data.kind=primitives", "views={resample: 64}"])
    assert config.views == PointViewsConfig(resample=64)


def test_a_search_space_that_mixes_them_is_refused_at_its_branch(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: {name: s}\nbase: {data: {kind: primitives}}\nspace:\n  encoder.kind: {choice: [pointnet, convnet]}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"encoder\.kind is convnet, which takes images"):
        load_sweep(file)


def test_the_levels_of_point_sets_are_known_without_their_files(tmp_path: Path) -> None:
    def levels(text: str) -> tuple[str, ...]:
        return level_names(trial(text).data)

    assert levels("data: {kind: primitives}") == ("shape", "family", "proportion")
    assert levels("data: {kind: modelnet, root: nowhere}") == ("group", "class")
    assert levels("data: {kind: modelnet, root: nowhere, taxonomy: flat}") == ("class",)
    assert levels("data: {kind: mesh-folder, root: nowhere, level_names: [a, b]}") == ("a", "b")
    for name in ("a/b/x.obj", "c/d/y.glb"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert levels(f"data: {{kind: mesh-folder, root: {tmp_path}}}") == ("level0", "level1")


def test_every_search_space_of_points_is_checked_with_its_profiles() -> None:
    for name in ("primitives", "modelnet40"):
        for profile in (None, "smoke"):
            sweep = load_sweep(ROOT / "search_spaces" / f"{name}.yaml", profile=profile)
            assert sweep.base_trial().data.MODALITY == POINTS
