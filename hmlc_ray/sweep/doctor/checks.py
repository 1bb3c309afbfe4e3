"""`hmlc doctor`: whether a sweep can run on a cluster, checked before it starts."""

from __future__ import annotations

import platform
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import ray
from ray.util.state import list_nodes

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import ClusterError, ConfigError, TrackingError, first_line
from hmlc_ray.machine.loopback import is_loopback
from hmlc_ray.names.counts import many
from hmlc_ray.names.uris import is_server, public_uri
from hmlc_ray.study.storage import Results
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster.authentication import asks_for_token
from hmlc_ray.sweep.cluster.capacity import alive_nodes, driver_cpus, nodes_of
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.demand import Amounts, concurrency, total_of
from hmlc_ray.sweep.cluster.environment import of_no_cluster
from hmlc_ray.sweep.cluster.gpus import idle_gpus
from hmlc_ray.sweep.cluster.internals import dashboard_url
from hmlc_ray.sweep.doctor.nodes import Node, ask_nodes, packages
from hmlc_ray.sweep.doctor.probe import version_of
from hmlc_ray.sweep.prepare import base_data, located

Level = Literal["ok", "note", "fail"]
_MOST_SKEW_S = 2.0
_ANSWER_S = 10


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    level: Level
    text: str
    fix: str = ""
    """The remedy, where it failed."""


def examine(sweep: SweepConfig | None, workspace: Workspace) -> list[Finding]:
    """Check the cluster, its nodes and its stores; the first failure is the first to fix.

    Args:
        sweep: what is to run; None: any trial of one CPU, on no data in particular.
    """
    sweep = None if sweep is None else located(sweep)
    findings: list[Finding] = []
    try:
        with connected(workspace.address):
            findings += _cluster(sweep, workspace)
    except ClusterError as error:
        findings.append(Finding("Ray", "fail", str(error), "start the cluster, or correct --address"))
    findings.append(_mlflow(workspace))
    return sorted(findings, key=lambda finding: _ORDER.index(finding.what))


_ORDER = ("Ray", "packages", "demand", "storage", "data", "MLflow", "clocks", "dashboard", "CPUs", "GPUs", "token")


def _cluster(sweep: SweepConfig | None, workspace: Workspace) -> Iterator[Finding]:
    supply = alive_nodes()
    yield Finding("Ray", "ok", f"Ray {ray.__version__}, {many(len(supply), 'node')}: {_words(total_of(supply))}")
    yield _demand(sweep)
    if not workspace.is_embedded:
        yield _dashboard()
        yield _token(ray.get_runtime_context().gcs_address)
    try:
        results = Results.of(None if sweep is None else sweep.study.storage, workspace.home)
    except ConfigError as error:
        yield Finding("storage", "fail", str(error), "correct it")
        return
    data = None if sweep is None else _data_path(base_data(sweep))
    nodes = ask_nodes(results, data)
    yield _storage(results, nodes)
    yield _data(data, nodes)
    yield _packages(nodes)
    yield _clocks(nodes)
    yield _cpus(nodes)
    yield _gpus(sweep, nodes)


def _data_path(data: DataConfig) -> str | None:
    """Where the data is; a manifest travels with a job, and a table of features does not."""
    return data.file if isinstance(data, FeaturesConfig) else getattr(data, "root", None)


def _demand(sweep: SweepConfig | None) -> Finding:
    if sweep is None:
        return Finding("demand", "note", "no search space was given, so there is nothing to compare with the supply")
    try:
        at_once = concurrency(sweep, nodes_of(sweep.trials), driver_cpus())
    except ClusterError as error:
        return Finding("demand", "fail", str(error), "ask for less in trials.resources or trials.workers, or add nodes")
    return Finding("demand", "ok", f"{at_once} of {many(sweep.study.num_trials, 'trial')} fit at once")


def _dashboard() -> Finding:
    """The dashboard: jobs are submitted to it; a sweep alone does not need it."""
    try:
        url = dashboard_url()
        if not url:
            raise ConnectionError("the head runs without a dashboard")
        with of_no_cluster():
            count = len(list_nodes(address=f"http://{url}", timeout=_ANSWER_S))
    except Exception as error:  # Ray's own errors have no common root
        return Finding(
            "dashboard",
            "note",
            f"the State API does not answer ({first_line(error)[:200]}); only `hmlc submit` and Ray's pages need it",
            "start the head with --include-dashboard=true",
        )
    return Finding("dashboard", "ok", f"the State API answers, for {many(count, 'node')}")


def _token(address: str) -> Finding:
    if asks_for_token(address):
        return Finding("token", "ok", f"the head at {address} asks for a token")
    if is_loopback(address.rpartition(":")[0].strip("[]")):
        return Finding("token", "ok", f"the head at {address} asks for no token; only this machine reaches it")
    text = f"the head at {address} asks for no token: whoever reaches it can run any command on every node"
    return Finding("token", "fail", text, "start all nodes with RAY_AUTH_MODE=token (docs/security.md)")


def _storage(results: Results, nodes: list[Node]) -> Finding:
    wrong = [f"{node.name}: {node.storage}" for node in nodes if node.storage is not None]
    where = public_uri(results.uri)
    if wrong:
        fix = "give study.storage a folder that all nodes share, or s3://BUCKET/PREFIX and its credentials to all nodes"
        return Finding("storage", "fail", f"{where} cannot be used from {'; '.join(wrong)}", fix)
    return Finding("storage", "ok", f"{where} is read and written from all of {many(len(nodes), 'node')}")


def _data(folder: str | None, nodes: list[Node]) -> Finding:
    if folder is None:
        return Finding("data", "ok", "the data comes with the package, or no search space was given")
    wrong = [f"{node.name}: {node.data}" for node in nodes if node.data is not None]
    if wrong:
        text = f"{folder} cannot be seen from {'; '.join(wrong)}"
        return Finding("data", "fail", text, "copy or mount it at that path on every node")
    return Finding("data", "ok", f"{folder} is seen from all of {many(len(nodes), 'node')}")


def _packages(nodes: list[Node]) -> Finding:
    """Pickled code and checkpoints pass between driver and nodes, so that all of them must be alike."""
    here = {"python": platform.python_version(), **{package: version_of(package) for package in packages()}}
    wrong = [
        f"{node.name} has {package} {version or 'not at all'}, the driver {here[package]}"
        for node in nodes
        for package, version in node.versions.items()
        if version != here[package]
    ]
    if wrong:
        return Finding("packages", "fail", "; ".join(wrong), "install the same versions on every node")
    text = ", ".join(f"{package} {version}" for package, version in here.items())
    return Finding("packages", "ok", f"the same on all nodes: {text}")


def _clocks(nodes: list[Node]) -> Finding:
    worst = max(nodes, key=lambda node: abs(node.skew))
    text = f"at most {abs(worst.skew):.2f} s from the driver's ({worst.name})"
    if abs(worst.skew) > _MOST_SKEW_S:
        return Finding("clocks", "fail", text, "synchronise the nodes' clocks (chrony, systemd-timesyncd)")
    return Finding("clocks", "ok", text)


def _cpus(nodes: list[Node]) -> Finding:
    """Affinity, cgroup quotas and Slurm; Ray itself counts the CPUs of the machine."""
    known = [node for node in nodes if node.cpus is not None]
    wrong = [f"{node.counted_cpus:g} on {node.name}, of which {node.cpus} can be used" for node in known
             if node.cpus is not None and node.counted_cpus > node.cpus]  # fmt: skip
    if wrong:
        return Finding("CPUs", "note", f"Ray counts {'; '.join(wrong)}: start that node with --num-cpus")
    return Finding("CPUs", "ok", "; ".join(f"{node.name}: {node.cpus} can be used" for node in known) or "not known")


def _gpus(sweep: SweepConfig | None, nodes: list[Node]) -> Finding:
    blind = [node.name for node in nodes if node.has_gpus and not node.gpus]
    if blind and sweep is not None and sweep.trials.resources.gpus > 0:
        text = f"Ray counts GPUs on {', '.join(blind)}, but nvidia-smi shows none there"
        return Finding("GPUs", "fail", text, "install NVIDIA's driver there, or pass the GPUs into the container")
    with suppress(ClusterError):  # `demand` says it
        supply = [] if sweep is None else nodes_of(sweep.trials)
        if sweep is not None and (idle := idle_gpus(sweep, supply, concurrency(sweep, supply))) is not None:
            return Finding("GPUs", "note", idle)
    shown = "; ".join(f"{node.name}: {', '.join(node.gpus)}" for node in nodes if node.gpus)
    return Finding("GPUs", "ok", shown or "none")


def _mlflow(workspace: Workspace) -> Finding:
    try:
        if not workspace.has_store:
            return Finding("MLflow", "ok", f"will be made in {workspace.store_place}")
        tracker = workspace.open_tracker()
    except TrackingError as error:
        return Finding("MLflow", "fail", str(error), "start the server, or correct --tracking-uri")
    try:
        tracker.check_artifacts()
    except TrackingError as error:
        return Finding("MLflow", "fail", str(error))  # it names the remedy
    version = _server_version(workspace.store) if is_server(workspace.store) else None
    return Finding("MLflow", "ok", f"{tracker.uri} answers" + (f", version {version}" if version else ""))


def _server_version(uri: str) -> str | None:
    with suppress(urllib.error.URLError, ValueError, OSError):
        request = f"{public_uri(uri).rstrip('/')}/version"
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310 - http(s) by is_server
            return str(answer.read(100).decode().strip())
    return None


def _words(amounts: Amounts) -> str:
    parts = [f"{amounts.get(name, 0):g} {name}" for name in ("CPU", "GPU") if amounts.get(name)]
    return ", ".join([*parts, f"{amounts.get('memory', 0) / 2**30:.0f} GiB of memory"])
