"""Who looks at studies does not load what only trains them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.schema import CHECKPOINT
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.checkpoint_files import CONFIG_FILE, FORMAT, META_FILE

HEAVY = ("ray", "optuna", "torch")
_COMMANDS = """
import sys
from typer.testing import CliRunner
from hmlc_ray.cli.app import app
for command in sys.argv[1:]:
    done = CliRunner().invoke(app, command.split())
    print(command, done.exit_code, *sorted({heavy} & set(sys.modules)))
    sys.stderr.write(done.output)
"""


@pytest.fixture
def study(tracker: Tracker, tmp_path: Path) -> Home:
    """A home with a study, one trial of which is complete and has a checkpoint, as far as reading needs it."""
    home = Home.of(tmp_path)
    sweep = SweepConfig.model_validate({"study": {"name": "s", "num_trials": 2}, "space": {"seed": {"int": [0, 1]}}})
    save_study(sweep, home)
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 2})
    own = {schema.SEARCHED: json.dumps({"seed": 1}), schema.VALUE: 0.5}
    run_id = tracker.trial_run(parent, "0", name="s-0", params={}, tags=own)
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / CONFIG_FILE).write_text(TrialConfig(seed=1).model_dump_json())
    (folder / META_FILE).write_text(json.dumps({"format": FORMAT, "metrics": {"val/probe_top1/mean": 0.5}}))
    tracker.log_artifacts(run_id, folder, CHECKPOINT)
    tracker.finish(run_id, "FINISHED")
    tracker.finish(parent, "FINISHED")
    return home


class _Head(BaseHTTPRequestHandler):
    """A head whose Jobs API lists one job of a study."""

    def do_GET(self) -> None:
        job = {"submission_id": "hmlc-s", "metadata": {"hmlc.study": "s"}, "status": "SUCCEEDED", "message": ""}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([{**job, "driver_exit_code": 0, "start_time": 1000, "end_time": 2000}]).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def head() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Head) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_best_status_and_list_load_neither_ray_nor_optuna_nor_torch(
    study: Home, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # the machine's user may have a token of a cluster of their own
    commands = [
        f"best s --json --home {study.root}",
        f"status --json --home {study.root}",
        f"list --json --address {head}",
    ]
    code = _COMMANDS.replace("{heavy}", repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", code, *commands], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [f"{command} 0" for command in commands], done.stderr
    assert '"seed": 1' in done.stderr
    assert '"completed": 1' in done.stderr
    assert '"state": "SUCCEEDED"' in done.stderr


def test_who_asks_for_a_jobs_log_loads_neither_optuna_nor_torch() -> None:
    """Jobs are submitted and followed by Ray's own client, which needs Ray; neither Tune nor Train."""
    code = "import sys, hmlc_ray.sweep.jobs.client, hmlc_ray.sweep.jobs.status; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert {"optuna", "torch", "ray.tune", "ray.train"} & set(done.stdout.split()) == set()
