"""`data.taxonomy: {kind: induced}`: where features and confusions come from, and that the tree is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from planted_classes import LEAVES, PAIRS, make_pairs, trial

from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.files import dump_trial, load_trial
from hmlc_ray.config.taxonomy import FileTaxonomyConfig, InducedTaxonomyConfig, has_tree_to_make
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import CheckpointError, DataError, HmlcError, TaxonomyError
from hmlc_ray.evaluation.confusion_files import write_confusion
from hmlc_ray.home import cache_folder
from hmlc_ray.runs import induction
from hmlc_ray.runs.induction import first_training
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import save_checkpoint
from hmlc_ray.training.export import encoder as exporting
from hmlc_ray.training.export import export_encoder
from hmlc_ray.training.fit import fit

CONFUSION = 20 * np.eye(6, dtype=np.int64) + 6 * np.equal.outer(PAIRS, PAIRS)
MEANS = 10.0 * np.eye(3)[PAIRS] + np.random.default_rng(0).normal(size=(6, 3))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "images")


def made(root: Path, notes: list[str] | None = None, **taxonomy: object) -> InducedTaxonomyConfig:
    """The section with its tree, of three classes above the leaves."""
    config = trial(root, {"kind": "induced", "classes": [3], **taxonomy})
    said = notes if notes is not None else []
    found = induction.with_tree(config, Workspace.of(root.parent / "home"), said.append)
    assert isinstance(found.data.taxonomy, InducedTaxonomyConfig)
    return found.data.taxonomy


def pairs(taxonomy: InducedTaxonomyConfig) -> list[int]:
    assert taxonomy.tree is not None
    assert tuple(path[-1] for path in taxonomy.tree.paths) == LEAVES
    return [int(path[0].removeprefix("induced0-")) for path in taxonomy.tree.paths]


@pytest.mark.parametrize("method", ["agglomerative", "divisive"])
@pytest.mark.parametrize("rows", ["leaves", "samples", "named"])
def test_features_of_a_file(root: Path, rows: str, method: str) -> None:
    train = load_data(trial(root).data).train.leaf.numpy()
    if rows == "named":
        order = np.random.default_rng(1).permutation(len(train))
        named = np.array(LEAVES)[train[order]]
        np.savez(root.parent / "f.npz", features=MEANS[train[order]].astype(np.float32), leaf=named)
    else:
        np.save(root.parent / "f.npy", MEANS if rows == "leaves" else MEANS[train])
    source = root.parent / ("f.npz" if rows == "named" else "f.npy")
    assert pairs(made(root, source=str(source), method=method)) == PAIRS


@pytest.mark.parametrize("method", ["agglomerative", "divisive"])
@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_confusions_of_a_file(root: Path, suffix: str, method: str) -> None:
    file = root.parent / f"c{suffix}"
    if suffix == ".npy":
        np.save(file, CONFUSION)
    else:
        tree = load_data(trial(root).data).taxonomy
        (table, _) = write_confusion(tree, {"val": {"level0": CONFUSION}}, root.parent)
        file.write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    assert pairs(made(root, **{"from": "confusion"}, source=str(file), method=method)) == PAIRS


def test_features_and_confusions_of_what_was_trained(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = fit(trial(root), lambda record, snapshot: None)
    save_checkpoint(root.parent / "checkpoint", result.checkpoint)
    monkeypatch.setattr(exporting, "_networks", lambda *_: {})  # the whole networks take seconds to write
    export_encoder(result.checkpoint, root.parent / "encoder")
    trees = [made(root, source=str(root.parent / name)) for name in ("checkpoint", "encoder")]
    assert [pairs(tree) for tree in trees] == [PAIRS, PAIRS]
    confused = made(root, **{"from": "confusion"}, source=str(root.parent / "checkpoint"), classes="auto", levels=2)
    assert confused.tree is not None
    with pytest.raises(TaxonomyError, match="is an exported encoder, which has no confusions"):
        made(root, **{"from": "confusion"}, source=str(root.parent / "encoder"))
    grey = trial(root, {"kind": "induced", "source": str(root.parent / "checkpoint")}, channels=1)
    with pytest.raises(CheckpointError, match=r"samples of shape \[3, 8, 8\], but those of the data have shape \[1, 8"):
        induction.with_tree(grey, Workspace.of(root.parent), print)


def test_a_first_training_is_made_once_and_gives_the_same_tree_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    monkeypatch.setattr(first_training, "fit", lambda *a, **k: trained.append(1) or fit(*a, **k))
    notes: list[str] = []
    first = made(root, notes, training={"epochs": 2})
    assert pairs(first) == PAIRS
    assert notes == [
        "the tree is induced from a first training: 2 epochs of cross-entropy at the leaves",
        "training for the induced tree: epoch 1 of 2",
        "training for the induced tree: epoch 2 of 2",
    ]
    # How it is clustered, which levels and the control make no other training.
    for more in ({}, {"method": "divisive"}, {"from": "confusion"}, {"shuffled": True}, {"classes": "auto"}):
        made(root, notes, training={"epochs": 2}, **more)
    assert trained == [1]
    assert notes[-1] == "the tree is induced from an earlier training, which the cache holds"
    (kept,) = cache_folder().glob("classes-*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert made(root, training={"epochs": 2}) == first
    assert trained == [1, 1]
    made(root, training={"epochs": 2}, seed=1)
    made(root, training={"epochs": 2, "objective": "supcon"})
    assert trained == [1] * 4


def test_what_decides_the_first_training_is_in_the_key_of_its_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(fingerprint="the same")

    def key(**data: object) -> str:
        config = TrialConfig.model_validate({"data": {"kind": "features", "file": "a", **data}})
        return first_training._key(config, InducedTaxonomyConfig(), found)  # type: ignore[arg-type]

    plain = key()
    assert key(standardise=not FeaturesConfig(file="a").standardise) != plain
    assert key(split_seed=1) != plain
    assert key(file="b", labels="c", keep_levels=["leaf"], taxonomy={"kind": "induced"}) == plain
    record = {"section": "encoder", "kind": "mine", "distribution": "mine", "version": "2"}
    monkeypatch.setattr(first_training, "records_of", lambda _: [record])
    assert key() != plain


def test_the_encoder_as_it_begins_needs_no_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_training, "fit", None)
    assert pairs(made(root, training={"epochs": 0})) == PAIRS


def test_the_tree_is_part_of_the_configuration_and_nothing_is_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "f.npy", MEANS)
    config = trial(root, {"kind": "induced", "classes": [3], "source": str(tmp_path / "f.npy"), "shuffled": True})
    assert has_tree_to_make(config.data.taxonomy)
    with pytest.raises(TaxonomyError, match="its tree has not been made yet"):
        load_data(config.data)
    found = induction.with_tree(config, Workspace.of(tmp_path), print)
    (tmp_path / "f.npy").unlink()
    (tmp_path / "emitted.yaml").write_text(dump_trial(found))
    again = load_trial(tmp_path / "emitted.yaml")
    assert again == found
    assert not has_tree_to_make(again.data.taxonomy)
    assert induction.with_tree(again, Workspace.of(tmp_path), print) is again
    data = load_data(again.data)
    assert data.taxonomy.class_names[-1] == LEAVES
    assert data.taxonomy.num_classes == (3, 6)
    shuffled = [PAIRS[leaf] for leaf in np.random.default_rng(0).permutation(6)]
    assert data.taxonomy.leaf_paths[:, 0].tolist() == shuffled != PAIRS
    assert data.fingerprint == load_data(found.data).fingerprint


def test_a_files_tree_is_read_once(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("leaf,kind\n" + "".join(f"{leaf},k{pair}\n" for leaf, pair in zip(LEAVES, PAIRS, strict=True)))
    config = trial(root, {"kind": "file", "file": str(file)})
    assert load_data(config.data).taxonomy.level_names == ("kind", "leaf")
    found = induction.with_tree(config, Workspace.of(tmp_path), print)
    file.unlink()
    assert isinstance(found.data.taxonomy, FileTaxonomyConfig)
    assert load_data(found.data).taxonomy.leaf_paths[:, 0].tolist() == PAIRS


def _npz(features: object, leaf: object) -> Callable[[Path], None]:
    return lambda file: np.savez(file, features=np.asarray(features), leaf=np.asarray(leaf))


def _npy(array: object) -> Callable[[Path], None]:
    return lambda file: np.save(file, np.asarray(array))


NAN = np.where(np.arange(6)[:, None] == 4, np.nan, MEANS)


@pytest.mark.parametrize(
    ("name", "write", "kind", "sentence"),
    [
        ("f.npy", _npy(NAN), "features", "holds values that are not finite, in row 4 for one"),
        ("f.npy", _npy(MEANS[:5]), "features", "has 5 rows: features need one for each of the 6 leaves, or for each"),
        ("f.npy", _npy(MEANS[0]), "features", r"must hold a table of numbers, got shape \[3\], float64"),
        ("f.npy", _npy(np.array([None] * 6)), "features", "cannot read features from .*npy"),
        ("f.npy", lambda file: file.write_bytes(b"nothing"), "features", "cannot read features from"),
        ("f.npz", lambda file: file.write_bytes(b"PK nothing"), "features", "cannot read features from"),
        (
            "f.npz",
            _npz(MEANS, [*LEAVES[:5], "gnu"]),
            "features",
            r"of other classes .* lacks 'finch' \(1 missing, 1 oth",
        ),
        ("f.npz", _npz(MEANS, LEAVES[:5]), "features", "has 6 rows of features, but 5 leaves"),
        ("f.npz", lambda file: np.savez(file, features=MEANS), "features", "must hold arrays .* it lacks 'leaf'"),
        ("f.npy", lambda file: None, "features", "data.taxonomy.source: there is no file"),
        ("f.csv", lambda file: None, "features", "features are read from .npy or .npz"),
        ("f.npz", lambda file: None, "confusion", "confusions are read from .npy or .csv"),
        ("c.npy", _npy(CONFUSION[:5]), "confusion", r"has shape \[5, 6\]; confusions of the 6 leaves need \[6, 6\]"),
        ("c.npy", _npy(-CONFUSION), "confusion", "confusions must be finite and not negative"),
        ("c.csv", lambda file: file.write_text("a,b\nc,1\n"), "confusion", "must be a table of confusions as a run"),
        ("c.csv", lambda file: file.write_text("x,a,b\na,1,x\nb,1,2\n"), "confusion", "cannot read confusions from"),
        ("c.csv", lambda file: file.write_text("x,a,b\na,1,2\nb,1,2\n"), "confusion", "of other classes than the data"),
        ("c.csv", lambda file: file.write_text(""), "confusion", "must be a table of confusions as a run"),
        ("folder", lambda file: file.mkdir(), "features", "has neither a checkpoint nor an exported encoder in it"),
    ],
)
def test_a_wrong_source_is_refused_in_one_sentence(
    root: Path, name: str, write: Callable[[Path], None], kind: str, sentence: str
) -> None:
    write(root.parent / name)
    with pytest.raises(HmlcError, match=sentence) as raised:
        made(root, **{"from": kind}, source=str(root.parent / name))
    assert "\n" not in str(raised.value)


def test_too_few_leaves_are_refused_before_anything_is_trained(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_training, "fit", None)
    with pytest.raises(TaxonomyError, match="6 leaves are too few to choose 4 levels for"):
        made(root, classes="auto", levels=4)
    with pytest.raises(TaxonomyError, match=r"must increase from at least 2 to below 6.*got \[3, 6\]"):
        made(root, classes=[3, 6])


def test_a_leaf_without_a_training_sample_is_named(root: Path) -> None:
    for split, leaves in {"train": LEAVES[:5], "test": LEAVES}.items():
        for leaf in leaves:
            (root.parent / "divided" / split / leaf).mkdir(parents=True)
            for image in (root / leaf).iterdir():
                (root.parent / "divided" / split / leaf / image.name).write_bytes(image.read_bytes())
    config = trial(
        root.parent / "divided", {"kind": "induced", "classes": [3], "training": {"epochs": 0}}, untrained="keep"
    )
    with pytest.raises(TaxonomyError, match="the leaf 'finch' has no training sample"):
        induction.with_tree(config, Workspace.of(root.parent), print)


def test_a_cache_that_cannot_be_written_is_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_data(trial(root).data)
    (tmp_path / "file").touch()
    monkeypatch.setattr(first_training, "cache_folder", lambda: tmp_path / "file" / "cache")
    with pytest.raises(DataError, match=r"cannot be written to .*HMLC_CACHE"):
        made(root, training={"epochs": 0})


def test_waiting_for_another_process_is_said(root: Path) -> None:
    made(root, training={"epochs": 0})
    (kept,) = cache_folder().glob("classes-*.npz")
    kept.unlink()
    lock = FileLock(kept.with_suffix(".lock"))
    lock.acquire()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        lock.release()

    config = trial(root, {"kind": "induced", "classes": [3], "training": {"epochs": 0}})
    induction.with_tree(config, Workspace.of(root), note)
    assert notes[0] == "another process trains for the same tree; waiting for it"
    assert kept.exists()
