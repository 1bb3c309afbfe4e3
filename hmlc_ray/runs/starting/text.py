"""The search space as a commented YAML file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from hmlc_ray.names.counts import many
from hmlc_ray.runs.starting.settings import IMBALANCED, STRONGLY, Facts, Settings

TRIALS = 40
_WIDTH = 110
_POINT_KINDS = ("mesh-folder", "point-folder")


def space_text(name: str, facts: Facts, settings: Settings, data: Mapping[str, Any], remarks: Sequence[str]) -> str:
    """The file: what was found and estimated as comments, then study, trials, base, space and a smoke profile.

    Args:
        name: of the study.
        data: the whole `data` section.
        remarks: sentences for its head.
    """
    lines = [*_head(facts, remarks), *_study(name), *_trials(facts), *_base(facts, settings, data)]
    return "\n".join([*lines, *_space(facts, data), *_smoke(facts, settings, data)]) + "\n"


def _head(facts: Facts, remarks: Sequence[str]) -> Iterator[str]:
    found = facts.found
    classes = [len({path[: level + 1] for path in found.leaf_paths}) for level in range(facts.levels)]
    tree = " > ".join(f"{name} ({count})" for name, count in zip(found.level_names, classes, strict=True))
    counts = ", ".join(f"{count:,} {split}" for split, count in found.totals.items())
    yield from _comment(f"Levels and their classes, coarsest first: {tree}. {found.unit.capitalize()}: {counts}.")
    ratios = {name: ratio for name, ratio in facts.imbalance.items() if ratio >= IMBALANCED}
    if ratios:
        shown = ", ".join(f"{name} {ratio:.3g} : 1" for name, ratio in ratios.items())
        yield from _comment(f"Imbalanced, the largest class of a level by its smallest: {shown}.")
    for remark in remarks:
        yield from _comment(remark)


def lacking(facts: Facts) -> Iterator[str]:
    """What the data have not, a sentence each: splits, and levels above the classes."""
    drawn = [split for split in ("validation", "test") if split[:3] not in {name[:3] for name in facts.found.counts}]
    if drawn:
        yield f"No {' and no '.join(drawn)} split is given: a fifth of the samples is drawn for each."
    if facts.levels == 1:
        yield (
            "The classes are flat. Objectives over levels need a tree: `data.taxonomy: {kind: induced}` makes one from "
            "the data, `{kind: file, file: tree.csv}` reads one."
        )


def _comment(sentence: str) -> list[str]:
    return [f"# {line}" for line in wrap(_printable(sentence), _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _printable(text: str) -> str:
    """Names of files may hold anything, a comment no control character."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _study(name: str) -> list[str]:
    return [
        "study:",
        f"  name: {json.dumps(name)}",
        f"  num_trials: {TRIALS}",
        "  objective_metric: val/probe_top1/mean  # linear probe on frozen features, mean of all levels",
        "  seed: 0",
        "  sampler: {kind: gp, startup_trials: 10}",
        "  scheduler: {kind: asha, grace_period: 1, reduction_factor: 3}  # stops two of three trials at each rung",
        "  refit: {workers: 1}  # the best trial once more on train + validation, judged on test",
        "",
    ]


def _trials(facts: Facts) -> list[str]:
    gpus = ", gpus: 1" if facts.device == "cuda" else ""
    why = "a trial has a GPU of its own" if gpus else f"{many(facts.cpus, 'trial')} at once on this machine's CPUs"
    return ["trials:", "  workers: 0  # each trial in one warm process", f"  resources: {{cpus: 1{gpus}}}  # {why}", ""]


def _base(facts: Facts, settings: Settings, data: Mapping[str, Any]) -> Iterator[str]:
    yield from ["base:", f"  data: {_flow(data)}"]
    if facts.levels > 1 and facts.found.level_names[0] == "level0":
        yield f"  # level_names: one name per level, coarsest first, instead of {', '.join(facts.found.level_names)}"
    if data["kind"] == "features":
        yield "  encoder: {kind: mlp, hidden_dim: 512, depth: 1, feature_dim: 128}"
        yield "  head: {kind: identity}  # masks choose among the features that are judged"
    elif data["kind"] in _POINT_KINDS:
        points = int(data["num_points"])
        yield f"  views: {{resample: {max(8, points // 2)}, up: z, rotation: 180, jitter: 0.01, dropout: 0.2}}"
        yield f"  encoder: {{kind: pointnet, width: {64 if facts.device == 'cuda' else 32}, pooled_dim: 512}}"
    else:
        colours = "" if data.get("channels") == 1 else ", color_jitter: 0.5, grayscale: 0.2"
        yield f"  views: {{crop_scale: [0.4, 1.0], flip: 0.5{colours}}}"
        yield "  # flip: 0.0 where mirror images are of another class, as with digits and letters"
        yield f"  encoder: {_image_encoder(facts, int(data['image_size']))}"
    yield f"  training: {{epochs: {settings.epochs}, global_batch_size: {settings.batch}}}"
    yield from [f"  evaluation: {{every: {settings.every}}}  # epochs between two evaluations, each a rung of ASHA", ""]


def _image_encoder(facts: Facts, size: int) -> str:
    if facts.device == "cpu":
        return f"{{kind: convnet, width: 32, depth: {3 if size <= 32 else 4}}}"
    return f"{{kind: resnet18, stem: {'cifar' if size <= 64 else 'imagenet'}}}"


def _space(facts: Facts, data: Mapping[str, Any]) -> Iterator[str]:
    rate = "[3e-4, 5e-3]" if data["kind"] != "features" else "[3e-4, 1e-2]"
    yield from ["space:", f"  optimiser.learning_rate: {{float: {rate}, log: true}}"]
    yield "  objective.temperature: {float: [0.05, 0.5], log: true}"
    if data["kind"] == "features":
        yield from ["  views.dropout: {float: [0.0, 0.5]}", "  views.noise: {float: [0.0, 0.5]}"]
    strongly = max(facts.imbalance.values()) >= STRONGLY
    if strongly:
        yield "  training.sampler: {choice: [uniform, class-balanced]}  # the classes are strongly imbalanced"
    yield from ["  objective:", "    branch:  # each is another objective with dimensions of its own"]
    if facts.levels > 1:
        own = ["level_weights: {simplex: levels}", *(["imbalance: {choice: [none, anchor]}"] if strongly else [])]
        low, high = max(2, facts.levels), 2 * facts.levels + 2
        yield from _branch("g-hmlc", [f"mixture_components: {{int: [{low}, {high}]}}", *own])
        yield from _branch("a-hmlc", ["attention_temperature: {float: [0.5, 2.0]}", *own])
        yield from _branch("hmce", own)
        yield from _branch("sum-supcon", own)
    yield from ["      supcon: {}  # the leaf level alone", ""]


def _branch(kind: str, dimensions: Sequence[str]) -> list[str]:
    return [f"      {kind}:", *(f"        {dimension}" for dimension in dimensions)]


def _smoke(facts: Facts, settings: Settings, data: Mapping[str, Any]) -> Iterator[str]:
    yield from [
        "profiles:",
        "  # hmlc sweep FILE --profile smoke: a minute or two, to see that everything works",
        "  smoke:",
    ]
    yield from ["    study.num_trials: 2", "    study.sampler: {kind: random}", "    study.refit: null"]
    yield from ["    data.limit_per_leaf: 10", "    training.epochs: 1", "    training.cpu_threads: 1"]
    yield from [f"    training.global_batch_size: {min(32, settings.batch)}", "    optimiser.warmup_epochs: 0.5"]
    yield "    evaluation: {every: 1, probe_regularisation: [0.1], probe_max_iter: 50}"
    if data["kind"] == "features":
        yield "    encoder: {kind: mlp, hidden_dim: 64, depth: 1, feature_dim: 32}"
    elif data["kind"] in _POINT_KINDS:
        yield f"    views.resample: {min(64, int(data['num_points']))}"
        yield "    encoder: {kind: pointnet, width: 16, pooled_dim: 64, feature_dim: 32}"
    else:
        yield f"    data.image_size: {min(32, int(data['image_size']))}"
        yield "    encoder: {kind: convnet, width: 8, depth: 2, feature_dim: 32}"


def _flow(section: Mapping[str, Any]) -> str:
    """A section in one line; JSON's texts, lists and numbers are YAML's."""
    return "{" + ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in section.items()) + "}"
