"""Other Rays, what they leave behind, proxies and variables that name other clusters: a sweep keeps to its own."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import requests
from ray.core.generated.gcs_pb2 import PlacementGroupTableData

from hmlc_ray.errors import ClusterError
from hmlc_ray.machine.loopback import bypass_proxies
from hmlc_ray.sweep.cluster import addresses, placement_groups, usage
from hmlc_ray.sweep.cluster import connect as cluster
from hmlc_ray.sweep.cluster.addresses import cluster_here
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.environment import ADDRESS, API_SERVER, JOB_CONFIG, of_no_cluster
from hmlc_ray.sweep.jobs.client import connect

PROXY = "http://127.0.0.1:9"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies, cluster or token in the environment; what a test changes there is undone."""
    names = [*PROXIES, "no_proxy", "no_grpc_proxy", ADDRESS, API_SERVER, JOB_CONFIG]
    for name in {*names, *map(str.upper, names)}:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # the user of the test machine may have a token


@pytest.fixture
def listener() -> Iterator[str]:
    """The `host:port` of something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("variable", [*PROXIES[:3], *(name.upper() for name in PROXIES[:3])])
@pytest.mark.parametrize("exempt", [{}, {"no_proxy": "intern.example"}, {"NO_PROXY": "intern.example"}])
def test_no_proxy_is_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str, exempt: dict[str, str]
) -> None:
    for name, value in {variable: PROXY, **exempt}.items():
        monkeypatch.setenv(name, value)
    bypass_proxies(["10.1.2.3"])
    own = [
        "http://127.0.0.1:5000",
        "http://127.0.0.2:1",
        "http://localhost:5000",
        "http://[::1]:5000",
        "http://10.1.2.3",
    ]
    assert [requests.utils.get_environ_proxies(url) for url in own] == [{}] * 5
    there = "http://mlflow.example:5000" if "http_" in variable.lower() else "https://mlflow.example"
    assert requests.utils.select_proxy(there, requests.utils.get_environ_proxies(there)) == PROXY
    if exempt:
        assert requests.utils.get_environ_proxies("http://intern.example") == {}
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]


def test_without_a_proxy_the_environment_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    bypass_proxies(["10.1.2.3"])
    assert dict(os.environ) == before
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("NO_PROXY", "*")
    bypass_proxies()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == ("*", "*")


def test_grpc_has_exemptions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_grpc_proxy", "intern.example")
    bypass_proxies()
    assert dict(os.environ)["no_grpc_proxy"] == "intern.example"
    monkeypatch.setenv("http_proxy", PROXY)
    bypass_proxies(["10.1.2.3"])
    assert dict(os.environ)["no_grpc_proxy"] == "intern.example,localhost,127.0.0.1,127.0.0.0/8,::1,10.1.2.3"


class _Head(BaseHTTPRequestHandler):
    """What a head's Jobs API says of itself."""

    def do_GET(self) -> None:
        body = json.dumps({"ray_version": "2.60.0", "version": "4"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_job_goes_to_the_head_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's own client lets either variable override the address that it is given."""
    for name in (ADDRESS, API_SERVER, *PROXIES):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), _Head) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert connect(url).get_address() == url
        server.shutdown()
    assert os.environ[ADDRESS] == os.environ[API_SERVER] == "http://127.0.0.1:9"


def test_a_proxy_in_the_way_of_a_head_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    with pytest.raises(ClusterError) as error:
        connect("http://head.example:8265")
    assert "through the proxy 127.0.0.1, which no_proxy=head.example would leave out" in str(error.value)
    assert "secret" not in str(error.value)


def raylet(gcs: str, *, parent: int = 1, started_by: tuple[str, ...] = ("init",)) -> Any:
    """As psutil shows one."""
    words = ["/ray/raylet", "--session_dir=/tmp/ray/session_x", f"--gcs-address={gcs}"]
    above = SimpleNamespace(pid=parent, cmdline=lambda: list(started_by))
    own = SimpleNamespace(real=os.getuid(), effective=os.getuid(), saved=os.getuid())
    return SimpleNamespace(name=lambda: "raylet", cmdline=lambda: words, parent=lambda: above, uids=lambda: own)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A machine without Rays: its address file, and its processes."""
    found = SimpleNamespace(file=tmp_path / "ray_current_cluster", processes=[], above=[])
    monkeypatch.setattr(addresses, "get_ray_address_file", lambda _: str(found.file))
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(found.processes))
    monkeypatch.setattr(psutil.Process, "parents", lambda _: found.above)
    return found


def test_auto_is_the_variable_or_the_last_ray_that_still_answers(
    machine: Any, listener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.file.write_text(listener)
    machine.processes = [raylet("10.0.0.1:1"), raylet("10.0.0.2:1")]
    assert cluster_here() == listener
    monkeypatch.setenv(ADDRESS, "10.9.9.9:6379")
    assert cluster_here() == "10.9.9.9:6379"
    machine.above = [SimpleNamespace(name=lambda: "bash"), raylet("10.0.0.3:1")]
    assert cluster_here() == "10.9.9.9:6379"
    monkeypatch.setenv(JOB_CONFIG, "{}")
    assert cluster_here() == "10.0.0.3:1", "the cluster that runs the job, whatever it said"


def test_auto_beside_a_stale_file_is_the_ray_that_runs(machine: Any) -> None:
    machine.file.write_text("127.0.0.1:1")
    embedded = raylet("127.0.0.1:5", parent=77, started_by=("/bin/python3", "hmlc", "sweep"))
    blocking = raylet("10.0.0.1:1", parent=78, started_by=("/bin/python3", "ray", "start", "--head", "--block"))
    machine.processes = [embedded, blocking, SimpleNamespace(name=lambda: "bash")]
    assert cluster_here() == "10.0.0.1:1"
    machine.processes = [embedded, blocking, raylet("10.0.0.2:1", parent=9, started_by=("tini", "--"))]
    with pytest.raises(ClusterError, match=r"several run on this machine: 10\.0\.0\.1:1, 10\.0\.0\.2:1\); name one"):
        cluster_here()


def test_auto_without_a_ray_says_what_the_file_is(machine: Any) -> None:
    machine.processes = [raylet("127.0.0.1:5", parent=77, started_by=("/bin/python3", "hmlc", "sweep"))]
    with pytest.raises(ClusterError, match=r"--address auto \(no Ray runs on this machine\); start one with"):
        cluster_here()
    machine.file.write_text("127.0.0.1:1")
    with pytest.raises(ClusterError) as error, connected("auto"):
        pass
    assert f"({machine.file} names 127.0.0.1:1, where nothing listens: the Ray that wrote it was killed)" in str(
        error.value
    )


def test_a_url_in_the_variable_that_auto_reads_is_refused(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "http://10.0.0.1:8265")
    refused = pytest.raises(ClusterError, match=r"^RAY_ADDRESS=http://10\.0\.0\.1:8265, which --address auto reads, is")
    with refused, connected("auto"):
        pass


def test_an_embedded_ray_learns_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    others = (ADDRESS, API_SERVER, JOB_CONFIG, "RAY_REDIS_ADDRESS")
    for name in others:
        monkeypatch.setenv(name, "10.0.0.1:1")
    with of_no_cluster():
        assert not any(name in os.environ for name in others)
    assert all(os.environ[name] == "10.0.0.1:1" for name in others)


def test_what_ended_trials_held_is_freed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """By this job's dead controllers; not by those that live, by the driver, by other jobs, or what is gone already."""
    job, other, driver = b"\x01\x00\x00\x00", b"\x02\x00\x00\x00", b"\xff" * 16
    states = {b"d" * 16: "DEAD", b"a" * 16: "ALIVE", b"f" * 16: None}
    groups = [
        PlacementGroupTableData(
            placement_group_id=name * 18,
            creator_job_id=owner,
            creator_actor_id=actor,
            state=state,
            is_detached=kept,
        )
        for name, owner, actor, state, kept in [
            (b"1", job, b"d" * 16, PlacementGroupTableData.CREATED, False),
            (b"2", job, b"a" * 16, PlacementGroupTableData.CREATED, False),
            (b"3", job, driver, PlacementGroupTableData.CREATED, False),
            (b"4", other, b"d" * 16, PlacementGroupTableData.CREATED, False),
            (b"5", job, b"d" * 16, PlacementGroupTableData.REMOVED, False),
            (b"6", job, b"d" * 16, PlacementGroupTableData.CREATED, True),
            (b"7", job, b"f" * 16, PlacementGroupTableData.PENDING, False),  # an actor that Ray has forgotten
        ]
    ]
    table = SimpleNamespace(get_placement_group_table=lambda: [group.SerializeToString() for group in groups])
    actors = {actor.hex(): {"State": state} if state else {} for actor, state in states.items()}
    known = SimpleNamespace(_connect_and_get_accessor=lambda: table, actor_table=actors.__getitem__)
    removed: list[bytes] = []
    monkeypatch.setattr("hmlc_ray.sweep.cluster.internals.state", known)
    monkeypatch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(get_job_id=job.hex))
    monkeypatch.setattr(placement_groups, "remove_placement_group", lambda group: removed.append(group.id.binary()[:1]))
    assert placement_groups.free_ended_groups() == 2
    assert removed == [b"1", b"7"]

    manned = [SimpleNamespace(placement_group_id=name * 18) for name in (b"1", b"2", b"3", b"7")]
    monkeypatch.setattr(usage, "live_actors", lambda: manned)
    assert usage.training_groups(of_driver=False) == 1, "the second: others have a dead creator, or wait"
    assert usage.training_groups(of_driver=True) == 1, "the third"


@pytest.mark.parametrize("actor", [None, "ab"])
def test_a_driver_frees_what_it_was_interrupted_in_making(monkeypatch: pytest.MonkeyPatch, actor: str | None) -> None:
    def group(name: bytes, creator: bytes = b"\xff" * 16) -> SimpleNamespace:
        return SimpleNamespace(placement_group_id=name * 18, creator_actor_id=creator)

    held, removed = [group(b"1")], list[bytes]()
    monkeypatch.setattr(placement_groups, "held_groups", lambda: held)
    monkeypatch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(get_actor_id=lambda: actor))
    monkeypatch.setattr(placement_groups, "remove_placement_group", lambda one: removed.append(one.id.binary()[:1]))

    def interrupted() -> None:
        with placement_groups.freeing_own_groups():
            held.extend([group(b"2"), group(b"3", b"a" * 16)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert removed == ([b"2"] if actor is None else [])
    with placement_groups.freeing_own_groups():
        held.append(group(b"4"))
    assert b"4" not in removed, "a run that ends by itself frees its own"


def test_a_head_that_does_not_answer_for_a_while_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, enough = [], Event()

    def free() -> int:
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionError
        enough.set()
        return 0

    monkeypatch.setattr(placement_groups, "free_ended_groups", free)
    monkeypatch.setattr(placement_groups, "_EVERY_S", 0.001)
    with placement_groups.freeing_ended_groups():
        assert enough.wait(200)


def test_a_ray_that_the_caller_started_is_looked_after_too(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    for name in ("_of_connected_cluster", "freeing_ended_groups"):
        monkeypatch.setattr(cluster, name, lambda name=name: nullcontext(entered.append(name)))
    with connected(None):
        assert entered == ["_of_connected_cluster", "freeing_ended_groups"]
