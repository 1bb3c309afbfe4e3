"""What counts as a stalled study."""

from typing import Annotated, Literal

from pydantic import Field

from hmlc_ray.config.base import Section


class StallConfig(Section):
    """Stalled studies, and what happens to them: some of their trials wait for resources, and no trial of it has
    started, reported or ended for long. Trials that train while none waits take as long as they take."""

    after: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", json_schema_extra={"allowed": "seconds above 0, or auto"}
    )
    """Seconds of silence. `auto`: ten times the longest that this study's trials took from one report to the next, and
    at least ten minutes; before the first report it counts only while no trial trains."""
    action: Literal["warn", "stop"] = "warn"
    """`warn`: say what the study waits for; `stop`: end it as Ctrl-C does, so that `hmlc resume` can continue it."""
