"""`hmlc doctor` for a cluster that is reached by its Jobs API alone: the same command, run there as a job."""

from __future__ import annotations

import json
import secrets

from hmlc_ray.errors import JobError
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.sweep.doctor.checks import Finding
from hmlc_ray.sweep.jobs.client import connect
from hmlc_ray.sweep.jobs.submit import JobWorkspace, run_once
from hmlc_ray.sweep.jobs.upload import SpaceFile


def examine_there(address: str, space: SpaceFile | None, workspace: JobWorkspace) -> list[Finding]:
    """Run `hmlc doctor` on the cluster and return its findings.

    Raises:
        ClusterError: if the head cannot be reached.
        JobError: if the job ended without findings.
    """
    sweep = None if space is None else space.read()[0]
    workspace.check()
    client = connect(address)
    words = ["doctor", "--json"]
    with scratch_folder("job") as folder:
        if space is not None and sweep is not None:
            space.pack(sweep, folder)
            words += space.words
        log = run_once(client, f"hmlc-doctor-{secrets.token_hex(4)}", words, workspace, str(folder))
    for line in reversed(log.splitlines()):
        if line.startswith('{"findings": '):
            return [Finding(**values) for values in json.loads(line)["findings"]]
    lines = [line for line in log.splitlines() if line.strip()] or ["nothing"]
    raise JobError(f"hmlc doctor reported no findings on the cluster; its last output was: {lines[-1][:300]}")
