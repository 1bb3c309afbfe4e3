"""How long a call took: all of it, with the seconds in which torch, Ray and the data were loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from hmlc_ray.study.summary import RunSummary, SweepSummary

P = ParamSpec("P")
Summary = TypeVar("Summary", "SweepSummary", "RunSummary")


def timed(call: Callable[P, Summary]) -> Callable[P, Summary]:
    """The call, whose summary gets its wall time: no layer below knows what was loaded before that layer."""

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> Summary:
        begun = time.monotonic()
        return call(*args, **kwargs).lasting(time.monotonic() - begun)

    return run
