"""Studies as jobs of a real head, submitted and looked at from a folder that holds nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from invariants import check_sound
from jobs_head import TOKEN, Service, jobs_head
from ray.job_submission import JobSubmissionClient
from sandbox import ONE_AT_A_TIME, TRIALS, Sandbox, read_until, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with jobs_head(Sandbox(tmp_path_factory.mktemp("cluster"))) as made:
        yield made


def test_a_study_is_submitted_and_told_from_a_machine_that_holds_nothing(service: Service, sandbox: Sandbox) -> None:
    space = sandbox.space(trials=2, epochs=1)
    done = service.run(sandbox, "submit", space, "--name", "first", "--wait", *ONE_AT_A_TIME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "first: 2/2 trials done" in done.stdout
    assert not sandbox.home.root.exists()

    status = json.loads(service.ask(sandbox, "status", "first", "--json").stdout)
    assert (status["state"], status["job"]["state"], status["job"]["exit_code"]) == ("complete", "SUCCEEDED", 0)
    assert {name: status["trials"][name] for name in ("total", "failed", "running")} == {
        "total": 2,
        "failed": 0,
        "running": 0,
    }
    store = service.cluster.home.tracking_uri
    seen = json.loads(service.ask(sandbox, "status", "first", "--json", "--tracking-uri", store).stdout)
    assert seen["best"]["value"] == max(float(run.tags["hmlc.value"]) for run in service.cluster.trials("first"))

    assert [job["study"] for job in json.loads(service.ask(sandbox, "list", "--json").stdout)] == ["first"]
    assert "first: 2/2 trials done" in service.ask(sandbox, "logs", "first").stdout
    job = JobSubmissionClient(service.url).get_job_info("hmlc-first")
    assert TOKEN not in repr(job) + done.stdout + done.stderr
    assert job.entrypoint.startswith("hmlc sweep space.yaml -o ")

    twice = service.ask(sandbox, "submit", space, "--name", "first")
    assert (twice.returncode, twice.stdout) == (2, "")
    assert "the study name 'first' is taken: it is complete; see `hmlc best first`" in twice.stderr
    unknown = service.ask(sandbox, "logs", "frist")
    assert unknown.returncode == 2
    assert "has no job of a study 'frist' (did you mean 'first'?); it has first" in unknown.stderr
    ended = service.ask(sandbox, "stop", "first")
    assert (ended.returncode, "there is nothing to stop" in ended.stderr) == (2, True)


@pytest.mark.journey
def test_a_stopped_job_closes_its_runs_and_is_resumed(
    service: Service, sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    epochs = 60  # they take longer than what is asked of the job before it is stopped
    space = sandbox.space(trials=2, epochs=epochs, scheduler="null")
    assert service.ask(sandbox, "submit", space, "--name", "second", *ONE_AT_A_TIME).returncode == 0
    process = sandbox.start("logs", "second", "-f", "--address", service.url)
    started.append(process)
    read_until(process, "second: 0/2 trials done")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=200)[0]
    assert process.returncode == 130
    assert f"the job still runs: `hmlc logs second -f --address {service.url}`" in rest
    assert "Traceback" not in rest
    busy = service.ask(sandbox, "resume", "second")
    assert (busy.returncode, "study 'second' is running" in busy.stderr) == (2, True)

    stopped = service.ask(sandbox, "stop", "second")
    assert stopped.returncode == 0, stopped.stderr
    assert f"hmlc resume second --address {service.url}" in stopped.stdout
    assert service.cluster.parent("second").status == "KILLED"
    assert "RUNNING" not in {run.status for run in service.cluster.trials("second")}

    resumed = service.run(sandbox, "resume", "second", "--wait")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    runs = service.cluster.trials("second")
    assert [run.status for run in runs] == ["FINISHED"] * 2
    assert service.cluster.optuna_states("second") == ["completed"] * 2
    for run in runs:
        assert service.cluster.steps(run, "train/loss") == list(range(1, epochs + 1))


@pytest.mark.journey
def test_a_job_that_refuses_its_input_fails_and_gives_the_name_back(service: Service, sandbox: Sandbox) -> None:
    space = sandbox.space(trials=1, epochs=1)
    options = ["submit", space, "--name", "third", "-o", "data={kind: image-folder, root: /no/such/folder}", "--wait"]
    for _ in range(2):
        done = service.run(sandbox, *options)
        assert done.returncode == 1, done.stdout
        assert "third failed with exit code 2" in done.stderr
        assert "/no/such/folder" in done.stdout
        assert "not checked here, but on the cluster" in done.stderr


@pytest.mark.journey
def test_the_doctor_looks_at_a_cluster_from_afar(service: Service, sandbox: Sandbox) -> None:
    done = service.run(sandbox, "doctor", sandbox.space(), "--json", "-o", "trials.resources.cpus=3")
    found = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found["demand"]["level"] == "fail"
    assert "a trial needs 3 CPU, but the Ray cluster has 2" in found["demand"]["text"]
    levels = {what: finding["level"] for what, finding in found.items() if what not in ("demand", "token")}
    assert set(levels.values()) == {"ok"}, found
    assert next(iter(found)) == "Ray"
    assert str(service.cluster.home.ray) in found["storage"]["text"]
    assert not list(service.cluster.home.ray.glob(".hmlc-doctor*"))


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_a_killed_job_is_resumed(service: Service, sandbox: Sandbox, undisturbed: Sandbox) -> None:
    assert service.ask(sandbox, "submit", sandbox.seeded()).returncode == 0
    wait_until(service.cluster.in_training, "two epochs of a trial")
    jobs = JobSubmissionClient(service.url)
    driver = jobs.get_job_info("hmlc-small").driver_info
    assert driver is not None
    os.kill(int(driver.pid), signal.SIGKILL)
    wait_until(lambda: jobs.get_job_status("hmlc-small").is_terminal(), "the end of the job")
    resumed = service.run(sandbox, "resume", "small", "--wait")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    check_sound(service.cluster, TRIALS, like=undisturbed)
