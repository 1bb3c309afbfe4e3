"""Where MLflow's interface opens: at the runs of the experiment that was used last. Read without MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hmlc_ray.study import schema
from hmlc_ray.study.schema import VIEW
from hmlc_ray.tracking.experiments import view_path
from hmlc_ray.tracking.store import EXPERIMENT, open_store, translated

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LAST = (
    "SELECT runs.experiment_id FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
    "WHERE tags.key = :kind AND runs.lifecycle_stage = 'active' ORDER BY runs.start_time DESC LIMIT 1"
)
_TAGS = "SELECT key FROM experiment_tags WHERE experiment_id = :experiment"


def landing_path(uri: str) -> str:
    """The path and the fragment of the table of runs, behind the address of the server; empty where there are none.

    An experiment of an older version gets the tag with which it opens as model training.

    Raises:
        TrackingError: if the store cannot be read.
    """
    import sqlalchemy

    with translated(uri):
        engine = sqlalchemy.create_engine(uri)
        try:
            with engine.connect() as connection:
                experiment, tags = _last(connection)
        finally:
            engine.dispose()
    if experiment is None:
        return ""
    if schema.EXPERIMENT_KIND not in tags:
        open_store(uri, EXPERIMENT, None)
    return view_path(experiment, has_view=schema.SHARED_VIEW_PREFIX + VIEW in tags)


def _last(connection: Connection) -> tuple[str | None, set[str]]:
    """The id of the experiment of the last run, and the names of its tags."""
    import sqlalchemy

    if not sqlalchemy.inspect(connection).has_table("experiment_tags"):
        return None, set()
    experiment = connection.execute(sqlalchemy.text(_LAST), {"kind": schema.KIND}).scalar()
    if experiment is None:
        return None, set()
    found = connection.execute(sqlalchemy.text(_TAGS), {"experiment": experiment})
    return str(experiment), {str(key) for (key,) in found}
