"""Hierarchical contrastive encoders, searched for on Ray.

>>> import hmlc_ray
>>> hmlc_ray.check({"objective": {"kind": "a-hmlc"}}).config.objective.kind
'a-hmlc'

What is listed in `__all__` is public, and loaded when it is first used (PEP 562): importing the package takes no
torch, Ray, MLflow or pydantic along. See `docs/python.md`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # as type checkers read it; importing `typing` takes as long as all else here
if TYPE_CHECKING:
    from typing import Any

    from hmlc_ray import errors
    from hmlc_ray.api.checking import check
    from hmlc_ray.api.encoders import load_data, load_encoder
    from hmlc_ray.api.reports import report
    from hmlc_ray.api.runs import diagnose, embed, probe, train
    from hmlc_ray.api.starting import new
    from hmlc_ray.api.studies import best, compare, resume, retry, status, sweep
    from hmlc_ray.api.suites import benchmark
    from hmlc_ray.config.sweep import SweepConfig
    from hmlc_ray.config.trial import TrialConfig
    from hmlc_ray.taxonomies import load_taxonomy
    from hmlc_ray.taxonomy import Taxonomy

__version__ = "0.2.0"
__all__ = [
    "SweepConfig",
    "Taxonomy",
    "TrialConfig",
    "benchmark",
    "best",
    "check",
    "compare",
    "diagnose",
    "embed",
    "errors",
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

_DEFINED_IN = {
    "SweepConfig": "hmlc_ray.config.sweep",
    "Taxonomy": "hmlc_ray.taxonomy",
    "TrialConfig": "hmlc_ray.config.trial",
    "best": "hmlc_ray.api.studies",
    "check": "hmlc_ray.api.checking",
    "compare": "hmlc_ray.api.studies",
    "diagnose": "hmlc_ray.api.runs",
    "embed": "hmlc_ray.api.runs",
    "load_data": "hmlc_ray.api.encoders",
    "load_encoder": "hmlc_ray.api.encoders",
    "load_taxonomy": "hmlc_ray.taxonomies",
    "new": "hmlc_ray.api.starting",
    "probe": "hmlc_ray.api.runs",
    "resume": "hmlc_ray.api.studies",
    "retry": "hmlc_ray.api.studies",
    "status": "hmlc_ray.api.studies",
    "train": "hmlc_ray.api.runs",
}
_FUNCTIONS_OF_PACKAGES = {
    "benchmark": "hmlc_ray.api.suites",
    "report": "hmlc_ray.api.reports",
    "sweep": "hmlc_ray.api.studies",
}
"""Functions that share their name with a package; see `_CallablePackage`."""

if not TYPE_CHECKING:  # type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name == "errors" or name in _FUNCTIONS_OF_PACKAGES:
            return import_module(f"{__name__}.{name}")
        if name not in _DEFINED_IN:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_DEFINED_IN[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


class _Module(ModuleType):
    """Modules of another class than Python's own, which pickle reads back as such."""

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)


class _CallablePackage(_Module):
    """A package that can be called as the public function of its name.

    Once something of it is imported, `hmlc_ray.sweep` is the package, and must be: `import hmlc_ray.sweep.run as run`
    looks it up there. So what `from hmlc_ray import sweep` gives is always the package, and calling it the function.
    """

    @property
    def __call__(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(_FUNCTIONS_OF_PACKAGES[name]), name)

    @property
    def __signature__(self) -> Any:
        from inspect import signature

        return signature(self.__call__)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self.__call__.__doc__


class _Package(_Module):
    """This package: a subpackage becomes callable when the import system binds it here."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FUNCTIONS_OF_PACKAGES and type(value) is ModuleType:
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
