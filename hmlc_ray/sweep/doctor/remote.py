"""`hmlc doctor` for a cluster that is reached by its Jobs API alone: the same command, run there as a job."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import JobError
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.sweep.doctor.checks import Finding
from hmlc_ray.sweep.jobs.client import connect
from hmlc_ray.sweep.jobs.submit import Places, run_once
from hmlc_ray.sweep.jobs.upload import SPACE_FILE, pack


def examine_there(
    address: str,
    space: Path | None,
    sweep: SweepConfig | None,
    overrides: Sequence[str],
    profile: str | None,
    places: Places,
) -> list[Finding]:
    """Run `hmlc doctor` on the cluster and give what it found.

    Raises:
        ClusterError: if the head cannot be reached.
        JobError: if the job ended without findings.
    """
    places.check()
    client = connect(address)
    words = ["doctor", "--json"]
    with scratch_folder("job") as folder:
        if space is not None and sweep is not None:
            pack(space, sweep, folder)
            words += [SPACE_FILE, *(["--profile", profile] if profile else [])]
            words += [word for text in overrides for word in ("-o", text)]
        log = run_once(client, f"hmlc-doctor-{secrets.token_hex(4)}", words, places, str(folder))
    for line in reversed(log.splitlines()):
        if line.startswith('{"findings": '):
            return [Finding(**values) for values in json.loads(line)["findings"]]
    lines = [line for line in log.splitlines() if line.strip()] or ["nothing"]
    raise JobError(f"hmlc doctor found out nothing on the cluster; its last output was: {lines[-1][:300]}")
