"""Search spaces as a whole: what they draw, and what is wrong with them, found at load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from hmlc_ray.config.load import dump_yaml, parse_yaml
from hmlc_ray.config.objective import AHmlcConfig, GHmlcConfig
from hmlc_ray.config.schema import kind_of, kinds, sections
from hmlc_ray.config.sweep import StudyConfig, SweepConfig, load_sweep
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError, DataError

SPACE = """
study: {name: s, num_trials: 4}
base: {objective: {mixture_components: 3, imbalance: anchor}, training: {epochs: 2}}
space:
  optimiser.learning_rate: {float: [1e-3, 1e-2], log: true}
  objective.temperature: {float: [0.05, 0.5], log: true}
  objective:
    branch:
      g-hmlc: {level_weights: {simplex: levels}, quota: free}
      a-hmlc: {attention_temperature: {float: [0.5, 2.0]}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "s.yaml"
        path.write_text(text)
        return path

    return write


def space_of(text: str, **study: Any) -> str:
    return dump_yaml({"study": {"name": "s", **study}, "space": parse_yaml(text, "x")})


def test_a_branch_sets_the_kind_and_drops_what_it_does_not_have(write: Any) -> None:
    space = load_sweep(write(SPACE)).search_space()
    shared = {"optimiser.learning_rate": 0.002, "objective.temperature": 0.1}
    one = space.suggest(
        FixedTrial({**shared, "objective.kind": "g-hmlc", "objective[g-hmlc].level_weights.stick0": 0.25})
    )
    assert one.objective == GHmlcConfig(
        temperature=0.1, mixture_components=3, imbalance="anchor", level_weights=(0.25, 0.75), quota="free"
    )
    two = space.suggest(
        FixedTrial({**shared, "objective.kind": "a-hmlc", "objective[a-hmlc].attention_temperature": 1.5})
    )
    assert two.objective == AHmlcConfig(temperature=0.1, imbalance="anchor", attention_temperature=1.5)


def test_every_draw_is_valid_and_named(write: Any) -> None:
    space = load_sweep(write(SPACE)).search_space()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    names: set[str] = set()
    for _ in range(30):
        trial = study.ask()
        assert isinstance(space.suggest(trial), TrialConfig)
        names |= trial.params.keys()
    assert names == {
        "objective.kind",
        "optimiser.learning_rate",
        "objective.temperature",
        "objective[g-hmlc].level_weights.stick0",
        "objective[a-hmlc].attention_temperature",
    }


def test_a_kind_can_be_searched_without_branches(write: Any) -> None:
    sweep = load_sweep(write(space_of("{encoder.kind: {choice: [mlp, convnet]}, seed: {int: [0, 3]}}")))
    trial = sweep.search_space().suggest(FixedTrial({"encoder.kind": "mlp", "seed": 2}))
    assert (trial.encoder.kind, trial.seed) == ("mlp", 2)


def test_sections_may_be_nested(write: Any) -> None:
    sweep = load_sweep(write(space_of("{head: {layers: {int: [1, 2]}, hidden_dim: {choice: [8, 16]}}}")))
    assert [name for name, _, _ in sweep.search_space().dimensions({})] == ["head.layers", "head.hidden_dim"]


def test_a_sweep_survives_json(write: Any) -> None:
    sweep = load_sweep(write(SPACE))
    again = SweepConfig.model_validate_json(sweep.model_dump_json())
    assert again.search_space() == sweep.search_space()
    assert again.base_trial() == sweep.base_trial()


BAD_SPACES = {
    "{objective.temprature: {float: [0.1, 1]}}": "space.objective.temprature, low end: unknown key "
    "objective.temprature (did you mean 'temperature'?); objective of kind g-hmlc takes temperature, ",
    "{obective.temperature: {float: [0.1, 1]}}": "space.obective.temperature, low end: unknown key obective "
    "(did you mean 'objective'?); the top level takes seed, ",
    "{objective.mixture_components: {int: [0, 4]}}": "space.objective.mixture_components, low end: "
    "objective.mixture_components must be an integer from 1 to 64, or null, got 0",
    "{objective.mixture_components: {float: [1, 4]}}": "space.objective.mixture_components, low end: "
    "objective.mixture_components must be an integer from 1 to 64, or null, got 1.0",
    "{objective.temperature: {float: [0.1, 11]}}": "space.objective.temperature, high end: objective.temperature must "
    "be a number above 0 and of at most 10, or a list of values, each a number above 0 and of at most 10, got 11.0",
    "{training.amp: {choice: [auto, fp16]}}": 'space.training.amp, choice "fp16": training.amp must be one of auto, '
    'off, bf16, got "fp16"',
    "{objective.level_weights: {simplex: 3}}": "space.objective.level_weights, centre: objective.level_weights holds "
    "3 values, one is needed for each of the 2 levels",
    "{objective.level_weights: {choice: [uniform, [1, 2, 3]]}}": "space.objective.level_weights, choice [1, 2, 3]: "
    "objective.level_weights holds 3 values, one is needed for each of the 2 levels",
    "{optimiser.warmup_epochs: {int: [0, 30]}}": "space.optimiser.warmup_epochs, high end: optimiser.warmup_epochs "
    "(30) must not exceed training.epochs (20)",
    "{optimiser.warmup_epochs: {int: [0, 10]}, training.epochs: {choice: [20, 5]}}": "space.optimiser.warmup_epochs, "
    "high end, with training.epochs, choice 5: optimiser.warmup_epochs (10) must not exceed training.epochs (5)",
    "{objective: {branch: {a-hmlc: {mixture_components: {int: [1, 3]}}}}}": "space.objective[a-hmlc]."
    "mixture_components, low end: unknown key objective.mixture_components (it belongs to kind g-hmlc); ",
    "{objective.bottleneck: {int: [1, 4]}, objective.kind: {choice: [a-hmlc, g-hmlc]}}": "space.objective.bottleneck, "
    "low end: unknown key objective.bottleneck (it belongs to kind a-hmlc); ",
    "{objective: {branch: {g_hmlc: {}}}}": "space.objective names the kind \"g_hmlc\" (did you mean 'g-hmlc'?); the "
    "kinds are simclr, ",
    "{objective: {branch: [a-hmlc]}}": "space.objective.branch must map kinds to what is searched under them",
    "{objective: {branch: {a-hmlc: 3}}}": "space.objective[a-hmlc] must map keys to dimensions, got 3",
    "{optimiser.kind: {choice: [sgd, adam]}}": "space.optimiser names the kind \"adam\" (did you mean 'adamw'?); the "
    "kinds are sgd, adamw",
    "{encoder.kind: {float: [0, 1]}}": 'space.encoder names the kind {"float": [0, 1]}; the kinds are',
    "{objective.temperature: {float: [0.1, 1]}, objective: {temperature: 0.2}}": "space.objective.temperature is "
    "given twice",
    "{objective.temperature: {float: [0.1, 1]}, objective: {branch: {a-hmlc: {temperature: 0.2}}}}": "space sets "
    "objective.temperature twice in one trial",
    "{objective: {choice: [{kind: simclr}]}, objective.temperature: 0.2}": "space sets objective.temperature twice in "
    "one trial",
    "{objective.kind: {choice: [simclr, simclr]}}": "space.objective.kind must be a choice of kinds, got ",
    "{}": "space must be a non-empty mapping of paths to dimensions, got {}",
}


@pytest.mark.parametrize("text", BAD_SPACES)
def test_bad_spaces(write: Any, text: str) -> None:
    path = write(space_of(text))
    with pytest.raises(ConfigError) as error:
        load_sweep(path)
    assert str(error.value).startswith(f"{path}: {BAD_SPACES[text]}")


STUDY = StudyConfig.model_fields
BAD_STUDIES = {
    "name: ../x": "study.name must be lower-case letters, digits, dots, dashes and underscores, beginning with a "
    'letter or digit, 100 at most, got "../x"',
    "num_trials: 0": "study.num_trials must be an integer of at least 1, got 0",
    "mode: best": 'study.mode must be one of max, min, got "best"',
    "sampler: {kind: grid}": f'study.sampler.kind is "grid"; the kinds are {", ".join(kinds(STUDY["sampler"]))}',
    "scheduler: {grace: 1}": "unknown key study.scheduler.grace (did you mean 'grace_period'?); study.scheduler of "
    "kind asha takes kind, grace_period, reduction_factor",
    "trials: 3": "unknown key study.trials (did you mean 'num_trials'?); study takes name, num_trials, "
    "objective_metric, mode, seed, sampler, scheduler, refit, test, experiment, parent_run, stall, start, storage, "
    "optuna_storage",
    "refit: {workers: 0}": "study.refit.workers must be an integer of at least 1, got 0",
    "objective_metric: val/probe_top1/men": "study.objective_metric is 'val/probe_top1/men' (did you mean "
    "'val/probe_top1/mean'?); every evaluation reports val/probe_top1/mean, val/probe_top1/leaf, "
    "val/probe_top1/parity, val/probe_top1/digit, val/knn_top1/mean, val/knn_top1/leaf, val/knn_top1/parity, "
    "val/knn_top1/digit",
    "objective_metric: accuracy": "study.objective_metric is 'accuracy'; every evaluation reports "
    "val/probe_top1/mean, val/probe_top1/leaf, val/knn_top1/mean, val/knn_top1/leaf and the same for each level's name",
}


@pytest.mark.parametrize("text", BAD_STUDIES)
def test_bad_studies(write: Any, text: str) -> None:
    path = write(space_of("{seed: {int: [0, 1]}}", **parse_yaml(text, "x")))
    with pytest.raises(ConfigError) as error:
        load_sweep(path)
    assert str(error.value) == f"{path}: {BAD_STUDIES[text]}"


def test_an_unknown_scheduler_is_refused_with_those_that_there_are(write: Any) -> None:
    path = write(space_of("{seed: {int: [0, 1]}}", scheduler={"kind": "hyperband"}))
    with pytest.raises(ConfigError) as error:
        load_sweep(path)
    assert str(error.value).startswith(f"{path}: study.scheduler.kind ")
    assert '"hyperband"' in str(error.value)
    assert ", ".join(str(kind_of(section)) for section in sections(STUDY["scheduler"])) in str(error.value)


BAD_FILES = {
    "study: {name: s}\n": "space is missing: give it in the file or by -o space=...; it must be a non-empty mapping",
    "space: {seed: 1}\n": "study is missing: give it in the file or by -o study=...; it must be a section of keys",
    "study: {}\nspace: {seed: 1}\n": "study.name is missing: give it in the file or by -o study.name=...; it ",
    "study: {name: s}\nspace: {seed: 1}\nbase: {sed: 1}\n": "base: unknown key sed (did you mean 'seed'?); the top ",
    "study: {name: s}\nspace: {seed: 1}\nbase: 3\n": "base must be a mapping, got 3",
    "study: {name: s}\nspace: {seed: 1}\ntrials: {workers: -1}\n": "trials.workers must be an integer of at least 0, "
    "or a range like 1:4, got -1",
    "study: {name: s}\nspace: {seed: 1}\ntrials: {workers: 4:1}\n": "trials.workers must not have a minimum above",
    "study: {name: s}\nspace: {seed: 1}\ntrials: {workers: 4}\nbase: {training: {global_batch_size: 6}}\n": "base: "
    "training.global_batch_size (6) must be at least 2 for each of 4 workers (trials.workers)",
    "study: {name: s}\nspace: {seed: 1}\nspaces: 3\n": "unknown key spaces (did you mean 'space'?); the top level "
    "takes study, trials, base, space",
    "study: {name: s}\nspace: {seed: 1}\nprofiles: [a]\n": 'profiles must map names to paths and values, got ["a"]',
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_bad_files(write: Any, text: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as error:
        load_sweep(path)
    assert str(error.value).startswith(f"{path}: {BAD_FILES[text]}")


def test_a_sweep_needs_a_validation_split(write: Any) -> None:
    lines = "base: {data: {train_on: train+val}}\nspace: {objective.level_weights: {simplex: levels}}"
    with pytest.raises(ConfigError, match="a sweep compares its trials on the validation split"):
        load_sweep(write("study: {name: s}\n" + lines))


@pytest.mark.parametrize(
    "space",
    [
        "{data.taxonomy: {choice: [parity, magnitude]}}",
        "{data.kind: {choice: [digits, mnist]}}",
        "{data: {branch: {digits: {split_seed: {int: [0, 3]}}}}}",
    ],
)
def test_data_cannot_be_searched(write: Any, space: str) -> None:
    with pytest.raises(ConfigError, match=r"space\.data.*: data cannot be searched; give it in base"):
        load_sweep(write("study: {name: s}\nspace: " + space))


def test_overrides_reach_file_and_trial(write: Any) -> None:
    sweep = load_sweep(
        write(SPACE),
        ["study.num_trials=2", "head.layers=1", "base.seed=5", "space.objective.temperature=0.3"],
    )
    trial = sweep.base_trial()
    assert sweep.study.num_trials == 2
    assert (trial.head.layers, trial.objective.temperature, trial.seed) == (1, 0.3, 5)


def test_an_override_replaces_a_dimension_of_a_branch(write: Any) -> None:
    sweep = load_sweep(write(SPACE), ["space.objective.branch.a-hmlc.attention_temperature=0.7"])
    dimensions = {name: d for name, _, d in sweep.search_space().dimensions({"objective": "a-hmlc"})}
    assert dimensions["objective[a-hmlc].attention_temperature"].ends() == {"value": 0.7}


@pytest.mark.parametrize(
    "path", ["objective.temperature", "objective.kind", "base.objective.attention_temperature", "objective.quota"]
)
def test_an_override_of_something_searched_is_refused(write: Any, path: str) -> None:
    file = write(SPACE)
    with pytest.raises(ConfigError) as error:
        load_sweep(file, [f"{path}=1"])
    name = path.removeprefix("base.")
    assert str(error.value) == f"{file}: {name} is searched, so set space.{name} to fix it"


def test_profiles(write: Any) -> None:
    path = write(SPACE + "profiles: {smoke: {study.num_trials: 2, training.epochs: 1}}\n")
    assert load_sweep(path).study.num_trials == 4
    sweep = load_sweep(path, ["study.num_trials=3"], profile="smoke")
    assert (sweep.study.num_trials, sweep.base_trial().training.epochs) == (3, 1)
    with pytest.raises(ConfigError, match=r"no profile 'smok' \(did you mean 'smoke'\?\); the file has smoke$"):
        load_sweep(path, profile="smok")


def image_space(root: Path) -> str:
    return (
        f"study: {{name: s}}\nbase: {{data: {{kind: image-folder, root: {root}}}}}\n"
        "space: {objective.level_weights: {simplex: levels}}\n"
    )


def test_levels_of_an_image_folder_are_counted(write: Any, tmp_path: Path) -> None:
    for leaf in ("a/x/p", "a/x/q", "b/y/r"):
        (tmp_path / "images" / leaf).mkdir(parents=True)
        (tmp_path / "images" / leaf / "1.png").touch()
    space = load_sweep(write(image_space(tmp_path / "images"))).search_space()
    assert [len(dimension.ends()["centre"]) for _, _, dimension in space.dimensions({})] == [3]


def test_a_missing_image_folder_is_a_data_error(write: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no data folder"):
        load_sweep(write(image_space(tmp_path / "none")))


def test_the_folder_is_not_needed_where_levels_are_named(write: Any, tmp_path: Path) -> None:
    text = image_space(tmp_path / "none").replace("kind: image-folder", "kind: image-folder, level_names: [a, b, c]")
    assert load_sweep(write(text)).base_trial().objective.kind == "g-hmlc"
