"""The command that goes on with a study, with the options that make it find the study."""

from __future__ import annotations

import os
import shlex

from hmlc_ray.home import Home
from hmlc_ray.tracking import public_uri
from hmlc_ray.tracking.drivers import JOB_VARIABLE
from hmlc_ray.tracking.opening import URI_VARIABLE


def resume_command(study: str, home: Home, address: str | None, tracking_uri: str | None) -> str:
    """`hmlc resume NAME`, with the places that are not those of this environment."""
    if os.environ.get(JOB_VARIABLE):
        return f"hmlc resume {study} --address http://HEAD:8265"
    words = ["hmlc", "resume", study]
    if home != Home.of(None):
        words += ["--home", str(home.root)]
    if tracking_uri and tracking_uri != os.environ.get(URI_VARIABLE):
        words += ["--tracking-uri", public_uri(tracking_uri)]
    if address and address != "local":
        words += ["--address", address]
    return shlex.join(words)
