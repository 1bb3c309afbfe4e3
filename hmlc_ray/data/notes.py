"""What a user should know of a data set before anything is trained on it."""

from __future__ import annotations

import logging

from hmlc_ray.data.base import DataSet
from hmlc_ray.data.duplicates import warn_of_duplicates

_LOG = logging.getLogger(__name__)


def warn_about(data: DataSet) -> None:
    """Log its notes, a warning each, and one for samples that lie in several splits."""
    for note in data.notes:
        _LOG.warning("data: %s", note)
    warn_of_duplicates(data)
