"""Nodes of a cluster that die, are pre-empted, are cut off, and a head that is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from invariants import check_sound
from nodes import Node, head
from sandbox import TRIALS, Sandbox, drain, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
HOST, GUEST, PREFIX = "10.231.77.1", "10.231.77.2", "hmlc-cut"


@pytest.fixture
def nodes() -> Iterator[ExitStack]:
    """Ends the nodes of a test, whatever happens."""
    with ExitStack() as stack:
        yield stack


def worker(stack: ExitStack, at: str, cpus: int = 1, **place: object) -> Node:
    node = Node(f"--address={at}", f"--num-cpus={cpus}", **place)  # type: ignore[arg-type]
    stack.callback(node.kill)
    return node


def sweeping(
    sandbox: Sandbox, started: list[subprocess.Popen[str]], address: str, *options: str, trials: int = 1
) -> tuple[subprocess.Popen[str], list[str]]:
    """A seeded sweep on a cluster, with that many trials in mid-training."""
    reconnect = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    process = sandbox.start("sweep", sandbox.seeded(), "--address", address, *options, env=reconnect)
    started.append(process)
    lines = drain(process)

    def ready() -> bool:
        assert process.poll() is None, "".join(lines)
        return len(sandbox.in_training()) >= trials

    wait_until(ready, f"{trials} trials in mid-training")
    return process, lines


@pytest.mark.fault
def test_the_trials_of_a_node_that_dies_go_on_elsewhere(
    sandbox: Sandbox, undisturbed: Sandbox, nodes: ExitStack, started: list[subprocess.Popen[str]]
) -> None:
    address = nodes.enter_context(head()).address
    lost, _ = worker(nodes, address), worker(nodes, address)
    process, lines = sweeping(sandbox, started, address, trials=2)
    lost.process("raylet").kill()
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_a_node_that_is_pre_empted_costs_no_trial(
    sandbox: Sandbox, undisturbed: Sandbox, nodes: ExitStack, started: list[subprocess.Popen[str]]
) -> None:
    """As spot nodes end: SIGTERM, then SIGKILL; a new node comes later, and until then nothing can run."""
    address = nodes.enter_context(head()).address
    lost = worker(nodes, address)
    process, lines = sweeping(sandbox, started, address)
    raylet = lost.process("raylet")
    raylet.send_signal(signal.SIGTERM)
    try:
        raylet.wait(timeout=2)
    except Exception:  # the grace is over
        raylet.kill()
    lost.kill()
    worker(nodes, address)
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_a_study_whose_head_is_lost_is_resumed_on_another(
    sandbox: Sandbox, undisturbed: Sandbox, nodes: ExitStack, started: list[subprocess.Popen[str]]
) -> None:
    first = nodes.enter_context(head())
    worker(nodes, first.address)
    process, lines = sweeping(sandbox, started, first.address)
    first.kill()
    assert process.wait(timeout=240) != 0, "".join(lines)

    second = nodes.enter_context(head()).address
    worker(nodes, second)
    resumed = sandbox.hmlc("resume", "small", "--address", second)
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, TRIALS, like=undisturbed)


@contextmanager
def namespace() -> Iterator[str]:
    """A network namespace with one cable to this one."""
    missing = shutil.which("ip") is None or os.geteuid() != 0
    made = not missing and subprocess.run(["ip", "netns", "add", PREFIX], capture_output=True).returncode == 0
    if not made:
        pytest.skip("network namespaces are not permitted here")
    try:
        for command in (
            f"link add {PREFIX}0 type veth peer name {PREFIX}1 netns {PREFIX}",
            f"addr add {HOST}/24 dev {PREFIX}0",
            f"link set {PREFIX}0 up",
            f"-n {PREFIX} addr add {GUEST}/24 dev {PREFIX}1",
            f"-n {PREFIX} link set {PREFIX}1 up",
            f"-n {PREFIX} link set lo up",
        ):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        yield f"{PREFIX}0"
    finally:
        subprocess.run(["ip", "netns", "del", PREFIX], check=True)


@pytest.mark.fault
def test_a_node_whose_network_is_cut_is_given_up_and_the_sweep_goes_on(
    sandbox: Sandbox, undisturbed: Sandbox, nodes: ExitStack, started: list[subprocess.Popen[str]]
) -> None:
    """The node itself goes on for a while and is not heard: what it does then counts for nothing."""
    cable = nodes.enter_context(namespace())
    first = Node("--head", "--port=0", "--num-cpus=0", "--include-dashboard=false", address=HOST)
    nodes.callback(first.kill)
    worker(nodes, first.address, address=GUEST, prefix=("ip", "netns", "exec", PREFIX))
    worker(nodes, first.address, address=HOST)
    process, lines = sweeping(sandbox, started, first.address, trials=2)
    subprocess.run(["ip", "link", "set", cable, "down"], check=True)
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, TRIALS, like=undisturbed)
