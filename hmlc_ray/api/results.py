"""Results of earlier calls, where a function takes a study or a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from hmlc_ray.errors import CheckpointError

if TYPE_CHECKING:
    from hmlc_ray.api.calls import AnyPath
    from hmlc_ray.study.summary import BestTrial, RunSummary, SweepSummary, TrialRow

    Trained: TypeAlias = AnyPath | RunSummary | SweepSummary | BestTrial | TrialRow


def name_of(source: Trained) -> AnyPath:
    """A folder or a name unchanged; for a result, the id of its run or the name of its study.

    Raises:
        CheckpointError: if it is something else.
    """
    from hmlc_ray.study.summary import BestTrial, RunSummary, SweepSummary, TrialRow

    match source:
        case str() | os.PathLike():
            return source
        case RunSummary() | TrialRow():
            return source.run_id
        case BestTrial():
            return source.row.run_id
        case SweepSummary():
            return source.study
    raise CheckpointError(
        "what was trained is given as a folder, the id of a run, the name of a study, or the result of train, sweep or "
        f"best; got {type(source).__name__}"
    )
