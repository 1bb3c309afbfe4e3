"""What `hmlc_ray` exports, and that importing it costs nothing."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from types import ModuleType

import pytest
from ray import cloudpickle

import hmlc_ray

FUNCTIONS = [
    "benchmark",
    "best",
    "check",
    "compare",
    "diagnose",
    "embed",
    "load_data",
    "load_encoder",
    "load_taxonomy",
    "new",
    "probe",
    "report",
    "resume",
    "retry",
    "status",
    "sweep",
    "train",
]
CLASSES = ["SweepConfig", "Taxonomy", "TrialConfig"]
HEAVY = {"torch", "ray", "optuna", "mlflow", "sqlalchemy", "pydantic", "numpy", "yaml", "typer", "rich"}


def test_the_exported_names() -> None:
    assert sorted(hmlc_ray.__all__) == sorted([*FUNCTIONS, *CLASSES, "errors"])
    assert [name for name in dir(hmlc_ray) if not name.startswith("_")] == sorted(hmlc_ray.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_documented_and_typed(name: str) -> None:
    function = getattr(hmlc_ray, name)
    implementation = function.__call__ if isinstance(function, ModuleType) else function
    assert implementation.__doc__
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty
    first, *others = signature.parameters.values()
    assert all(parameter.annotation is not parameter.empty for parameter in (first, *others))
    assert {parameter.kind for parameter in others} <= {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    assert inspect.isclass(getattr(hmlc_ray, name))


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'hmlc_ray' has no attribute 'swep'"):
        hmlc_ray.swep  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'swep'"):
        from hmlc_ray import swep  # noqa: F401


PROGRAM = f"""
import sys
import hmlc_ray
from hmlc_ray import best, check, errors, load_encoder, resume, retry, status, sweep, train
print(sorted({HEAVY!r} & set(sys.modules)))
check({{}})
status()
print(sorted({HEAVY - {"pydantic", "yaml"}!r} & set(sys.modules)))
from hmlc_ray import Taxonomy, load_taxonomy
load_taxonomy("cifar100")
print(sorted({HEAVY - {"pydantic", "yaml", "numpy"}!r} & set(sys.modules)))
"""


def test_importing_and_looking_load_no_more_than_they_need(folder: object) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n[]\n[]\n", "")


def test_the_function_that_shares_its_name_with_a_package() -> None:
    """Whatever was imported before, `hmlc_ray.sweep` is one thing: the package, which can be called."""
    import hmlc_ray.sweep.prepare as prepare
    from hmlc_ray import sweep
    from hmlc_ray.api.studies import sweep as function

    assert hmlc_ray.sweep is sweep
    assert hmlc_ray.sweep.prepare is prepare  # type: ignore[attr-defined]
    assert sweep.__call__ is function  # type: ignore[operator]
    assert inspect.signature(sweep) == inspect.signature(function)


def test_functions_that_use_the_package_travel_to_other_processes() -> None:
    """As Ray sends them: by value, with the modules that they name."""
    from hmlc_ray import sweep

    found, called = pickle.loads(cloudpickle.dumps(lambda: (hmlc_ray, sweep)))()
    assert found is hmlc_ray
    assert called is sweep
