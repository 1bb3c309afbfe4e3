"""Ray's own client of a head's Jobs API, which gives up after seconds."""

from __future__ import annotations

import logging
from typing import Any

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from hmlc_ray.sweep.cluster.environment import of_no_cluster
from hmlc_ray.sweep.jobs.head import TokenRefused, reached, timeouts

_CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray._private.runtime_env.packaging")


class JobsClient(JobSubmissionClient):  # type: ignore[misc]  # ray ships no types
    """Ray's own client, with a time limit: by itself it waits for ever for a host that does not answer."""

    def _do_request(self, method: str, endpoint: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", timeouts())
        try:
            answer: requests.Response = super()._do_request(method, endpoint, **options)
        except AuthenticationError as error:
            raise TokenRefused(str(error)) from error
        return answer


def connect(address: str) -> JobsClient:
    """A client of the Jobs API at `http://HEAD:8265`.

    Raises:
        ClusterError: see `reached`.
    """
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    with reached(address), of_no_cluster():  # else Ray uses the environment's cluster instead of the one asked for
        return JobsClient(address.rstrip("/"))
