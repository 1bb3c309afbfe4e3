"""Real files, where they are at hand: HMLC_DATA_DIR holds `MNIST/raw`, `cifar100-partial`, ..."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from packs import file_of, root_of

from hmlc_ray.config.data import GroceryConfig, ImageFolderConfig, MnistConfig, TinyImagenetConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import ModelNetConfig, PointFolderConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.meshes.files import Sampling, open_clouds
from hmlc_ray.taxonomies.named import MODELNET40_COUNTS, cifar100_taxonomy


def test_mnist_has_its_known_counts() -> None:
    data = load_data(MnistConfig(root=str(root_of("MNIST/raw"))))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [48_000, 12_000, 10_000]
    train = torch.bincount(torch.cat([data.train.leaf, data.val.leaf])).tolist()
    assert train == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(data.test.leaf).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(data.train.inputs.float().mean() / 255 - 0.1307) < 0.002


def test_cifar100_as_a_folder_has_its_twenty_superclasses() -> None:
    root = file_of("cifar100-partial")
    data = load_data(ImageFolderConfig(root=str(root), level_names=("superclass", "class")))
    assert data.taxonomy.num_classes == (20, 100)
    assert torch.bincount(torch.from_numpy(data.taxonomy.leaf_paths[:, 0].copy())).tolist() == [5] * 20
    assert data.input_shape == (3, 32, 32)
    assert len(data.test) == len(list((root / "test").rglob("*.png")))
    counts = data.taxonomy.class_counts(data.train.leaf)
    assert min(counts[-1]) >= 1


def test_the_superclasses_of_cifar100_are_the_official_ones() -> None:
    file = file_of("cifar100-partial/cifar100_all_labels.npz")
    official = np.load(file, allow_pickle=False)
    taxonomy = cifar100_taxonomy()
    assert taxonomy.class_names[1] == tuple(official["fine_names"])
    parents = [taxonomy.class_names[0][parent] for parent in taxonomy.leaf_paths[:, 0]]
    assert parents == [str(official["coarse_names"][parent]) for parent in official["fine_to_coarse"]]


def test_grocery_has_its_published_splits() -> None:
    data = load_data(GroceryConfig(root=str(file_of("grocery-128")), image_size=16))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [2640, 296, 2485]
    assert data.taxonomy.num_classes == (3, 43, 81)
    counts = data.taxonomy.class_counts(data.train.leaf)[-1]
    assert (min(counts), max(counts)) == (16, 70)


def test_tiny_imagenet_has_a_tree_of_four_levels() -> None:
    root = file_of("tiny-imagenet-200-subset")
    data = load_data(TinyImagenetConfig(root=str(root), image_size=8))
    assert data.taxonomy.num_classes == (6, 19, 72, 200)
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [16_000, 4000, 10_000]


def test_modelnets_meshes_are_sampled_as_they_were_published(tmp_path: Path) -> None:
    """Three of the five classes have enough meshes to be divided; all fourteen are sound."""
    root = file_of("modelnet-mini/ModelNet40")
    files = sorted(root.rglob("*.off"))
    _, stored = open_clouds(files, root, Sampling(256, normals=True, seed=0), strict=True)
    assert stored.clouds.shape == (14, 256, 6)
    assert stored.problems == {}
    np.testing.assert_allclose(np.linalg.norm(stored.clouds[..., :3], axis=2).max(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(stored.clouds[..., 3:], axis=2), 1, atol=1e-5)
    for name in ("bathtub", "bed", "chair"):
        (tmp_path / name).symlink_to(root / name)
    data = load_data(ModelNetConfig(root=str(tmp_path), classes="present", num_points=64))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [5, 3, 3]
    assert data.taxonomy.class_names == (("sanitary", "furniture"), ("bathtub", "bed", "chair"))


def test_the_embeddings_of_clinc_have_their_published_splits() -> None:
    """Three of the 384 columns hardly vary; 1,200 sentences are out of scope."""
    data = load_data(FeaturesConfig(file=str(file_of("clinc150-minilm")), levels=("domain", "intent")))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [15_000, 3_000, 4_500]
    assert data.taxonomy.num_classes == (10, 150)
    assert data.taxonomy.is_balanced
    assert torch.bincount(data.train.leaf).tolist() == [100] * 150
    assert "rows of other splits are left out: 100 oos_train" in data.notes
    assert "rows of no class are for the open-set metrics alone: 100 oos_val, 1,000 oos_test" in data.notes
    found = column_statistics(data.train)
    assert int(found.constant.sum()) == 3
    standard = (data.train.at(torch.arange(len(data.train))) - found.mean) / found.deviation
    assert standard.abs().max() < 10


@pytest.mark.data
def test_the_clouds_of_modelnet40_have_its_published_counts() -> None:
    config = PointFolderConfig(root=str(file_of("modelnet40-points")), num_points=64, level_names=("group", "class"))
    data = load_data(config)
    assert data.val is not None
    assert len(data.train) + len(data.val) == 9843
    assert len(data.test) == 2468
    names = data.taxonomy.class_names[1]
    total = torch.bincount(torch.cat([data.train.leaf, data.val.leaf])).tolist()
    assert dict(zip(names, total, strict=True)) == {name: MODELNET40_COUNTS[name][0] for name in names}
    cloud = data.train.at(torch.arange(200))
    torch.testing.assert_close(cloud.norm(dim=2).amax(dim=1), torch.ones(200))
    spread = cloud.std(dim=1).mean()
    torch.testing.assert_close(cloud[:, :32].std(dim=1).mean(), spread, atol=0.02, rtol=0)
