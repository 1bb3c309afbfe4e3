"""A trial's configuration on its way from the driver to the processes that train it."""

from __future__ import annotations

import socket
from typing import Any

from hmlc_ray.config.moved import followed
from hmlc_ray.config.plugins import lacking, records_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home

KEYS = ("trial", "plugins")
"""What `params_of` gives: the dumped configuration, and records of the plug-ins that it uses, where it uses any."""


def params_of(config: TrialConfig) -> dict[str, Any]:
    """What is sent."""
    records = records_of(config)
    return {"trial": config.model_dump(mode="json"), **({"plugins": records} if records else {})}


def received(params: dict[str, Any]) -> TrialConfig:
    """The configuration that was sent, with its paths as they are here.

    Raises:
        ConfigError: if it needs a plug-in that the driver has and this process has not.
    """
    missing = lacking(params.get("plugins"), f"on node {socket.gethostname()}")
    if missing is not None:
        raise ConfigError(f"{missing} on every node, or in the job's runtime environment")
    return followed(TrialConfig.model_validate(params["trial"]), Home.of(None))
