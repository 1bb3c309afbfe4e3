"""A configuration with its tree written out, so that every process that reads it has the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hmlc_ray.config.taxonomy import FileTaxonomyConfig, InducedTaxonomyConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.trees import written_out
from hmlc_ray.runs.induction.first_training import leaves_alone, trained_classes
from hmlc_ray.runs.induction.sources import Classes, classes_from
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomies.files import read_tree
from hmlc_ray.taxonomies.induced import (
    Linkage,
    Sizes,
    agglomerative,
    check_sizes,
    confusion_distance,
    divisive,
    from_confusion,
)
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.fit import cached_data

Note = Callable[[str], None]


def with_tree(config: TrialConfig, workspace: Workspace, note: Note, *, device: str | None = None) -> TrialConfig:
    """The configuration with `data.taxonomy.tree` filled in, where its tree comes from a file or is to be induced.

    Args:
        workspace: its store may have the run that `data.taxonomy.source` names.
        note: called with a sentence about each long step.
        device: used for training here, instead of `training.device`.

    Raises:
        UserError: if data, source or file are wrong, or no such tree can be made of them.
        TrainingError: if the training that comes first fails.
    """
    given = config.data.taxonomy
    if isinstance(given, FileTaxonomyConfig) and given.tree is None:
        tree = read_tree(given.file)
    elif isinstance(given, InducedTaxonomyConfig) and given.tree is None:
        tree = made_tree(config, given, workspace, note, device=device)
    else:
        return config
    data = config.data.model_copy(update={"taxonomy": given.with_tree(written_out(tree))})
    return config.model_copy(update={"data": data})


def made_tree(
    config: TrialConfig, given: InducedTaxonomyConfig, workspace: Workspace, note: Note, *, device: str | None = None
) -> Taxonomy:
    """The tree that `given` asks for over the leaves of the configuration's data, before levels are dropped or leaves
    shuffled.

    Args, Raises: see `with_tree`.
    """
    config = leaves_alone(config, given, device)
    with workspace.home.current():
        data = cached_data(config.data)
        sizes: Sizes = given.num_levels if given.classes == "auto" else given.classes
        check_sizes(sizes, data.taxonomy.num_leaves)
        if given.source is None:
            classes = trained_classes(config, given, data, note)
        else:
            note(f"the tree is induced from the {_words(given)} of {given.source}")
            classes = classes_from(given.source, given.from_, config, data, workspace)
    return _clustered(given, sizes, classes, data)


def _clustered(given: InducedTaxonomyConfig, sizes: Sizes, classes: Classes, data: DataSet) -> Taxonomy:
    names: Sequence[str] = data.taxonomy.class_names[-1]
    confused = given.from_ == "confusion"
    if given.method == "divisive":
        # A class is described by its distances to all classes where there are no features.
        points = confusion_distance(classes.confusion) if confused else classes.means
        return divisive(points, sizes, names, seed=given.seed)
    linkage: Linkage = given.linkage if given.linkage != "auto" else "average" if confused else "ward"
    if confused:
        return from_confusion(classes.confusion, sizes, names, method=linkage)
    return agglomerative(classes.means, sizes, names, method=linkage)


def _words(given: InducedTaxonomyConfig) -> str:
    return "confusions" if given.from_ == "confusion" else "features"
