"""Two sweeps on a Ray that counts two GPUs, on a machine that has none: `python pretended_gpus.py FOLDER`.

A program of its own, because Ray's processes are told here what torch is to find. It prints, as JSON, for each sweep
the notes of its progress and, of each loop that trained, the device that it was to use and the GPUs that it saw.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from progress_notes import Notes
from small_space import small_space

LOG = "HMLC_TEST_LOG"


def pretend() -> None:
    """Ray's setup hook of a worker process: torch finds GPUs where the environment shows some; training needs none."""
    import torch

    from hmlc_ray.compute import devices

    resolve = devices.resolve_device

    def resolved(name: str) -> torch.device:
        with open(os.environ[LOG], "a") as log:
            log.write(json.dumps([str(resolve(name)), os.environ.get("CUDA_VISIBLE_DEVICES")]) + "\n")
        return torch.device("cpu")

    torch.cuda.is_available = lambda: os.environ.get("CUDA_VISIBLE_DEVICES") != ""
    torch.cuda.current_device = lambda: 0
    devices.resolve_device = resolved


def sweep(folder: Path, log: Path, name: str, gpus: int, *refit: str) -> dict[str, list[object]]:
    from hmlc_ray.config.sweep import load_sweep
    from hmlc_ray.study.workspace import Workspace
    from hmlc_ray.sweep.run import run_sweep

    file, notes = folder / "space.yaml", Notes()
    file.write_text(small_space(name))
    log.write_text("")
    space = load_sweep(file, ["trials.resources.cpus=1", f"trials.resources.gpus={gpus}", *refit])
    run_sweep(space, Workspace.of(folder / "home"), notes)
    return {"notes": list(notes), "loops": sorted(json.loads(line) for line in log.read_text().splitlines())}


def main(folder: Path) -> None:
    log = folder / "log"
    import ray

    import hmlc_ray.sweep.cluster.connect  # noqa: F401 - sets Ray's environment before it is imported

    hook = {"env_vars": {LOG: str(log)}, "worker_process_setup_hook": pretend}
    ray.init(address="local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False, runtime_env=hook)
    found = {"none": sweep(folder, log, "none", 0, "study.refit.workers=1"), "one": sweep(folder, log, "one", 1)}
    ray.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
