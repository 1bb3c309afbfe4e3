"""Whatever a file holds, it is loaded or refused in one sentence: no other error gets out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.load import dump_yaml
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.errors import UserError

SPACE: dict[str, Any] = {
    "study": {"name": "s", "sampler": {"kind": "random"}, "scheduler": {"kind": "asha"}, "refit": {"workers": 1}},
    "trials": {"workers": "1:2", "resources": {"cpus": 1}},
    "base": {"objective": {"kind": "g-hmlc", "temperature": [0.1, 0.2]}, "training": {"epochs": 3}},
    "space": {
        "optimiser.learning_rate": {"float": [0.1, 1], "log": True},
        "head.layers": {"int": [1, 2]},
        "objective": {
            "branch": {"g-hmlc": {"mixture_components": {"choice": [1, 2]}}, "a-hmlc": {"chunk": 5}},
            "level_weights": {"simplex": "levels"},
        },
    },
    "profiles": {"p": {"study.seed": 1}},
}
OVERRIDES = ["study.seed=1", "objective.chunk=3", "space.objective.level_ratio=1", "base.seed=2", "objective.kind=bhcl"]
leaves = (
    st.none() | st.booleans() | st.integers(-2, 70) | st.floats(-2, 2) | st.sampled_from(["", "kind", "g-hmlc", "x"])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "float", "branch", "a"]), inner)
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key in keys for found in places(value[key], (*path, key))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(("base",), [1], ["base.seed=2"], False)
@example(("base", "objective", "kind"), [], ["objective.kind=bhcl"], False)
@example(("space", "objective", "branch"), [1], ["objective.chunk=3"], False)
@given(st.sampled_from(places(SPACE)), values, st.lists(st.sampled_from(OVERRIDES), max_size=2), st.booleans())
def test_no_other_error(
    tmp_path: Path, place: tuple[Any, ...], value: Any, overrides: list[str], with_profile: bool
) -> None:
    space = copy.deepcopy(SPACE)
    inner: Any = space
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "s.yaml"
    path.write_text(dump_yaml(space))
    for sentence in (
        refusal(lambda: load_sweep(path, overrides, "p" if with_profile else None)),
        refusal(lambda: load_trial(path, overrides)),
    ):
        assert "\n" not in sentence
        assert len(sentence) < 1000


def refusal(load: Callable[[], object]) -> str:
    """What a load is refused with; empty where it is not."""
    try:
        load()
    except UserError as error:
        return str(error)
    return ""
