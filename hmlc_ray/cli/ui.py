"""`hmlc ui`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, TrackingUri
from hmlc_ray.errors import system_reason
from hmlc_ray.machine import foreground

APP = "hmlc"
"""The name of `hmlc_ray.tracking.interface` among MLflow's applications, once the package is installed."""
_DEPRECATED = "ignore:starlette.middleware.wsgi is deprecated"
_SHOWN = 4
"""Addresses that are printed, of a machine that may have many."""


def ui(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote", help="Allow a host that other machines can reach; the interface has no password."
        ),
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:PORT]",
            help="Another name of this machine under which the interface is opened, as behind a proxy; repeatable.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Open the runs in MLflow's web interface; ends with Ctrl-C."""
    from hmlc_ray.cli.ui_hosts import checked_host, opened
    from hmlc_ray.errors import TrackingError
    from hmlc_ray.home import Home as HomeFolder
    from hmlc_ray.machine.loopback import is_loopback
    from hmlc_ray.names.uris import is_server, public_uri
    from hmlc_ray.tracking.landing import landing_path
    from hmlc_ray.tracking.store import check_store
    from hmlc_ray.tracking.uri import with_driver

    if tracking_uri and is_server(tracking_uri):
        typer.echo(f"the runs are on an MLflow server already: {public_uri(tracking_uri)}")
        return
    if not (allow_remote or is_loopback(host)):
        raise TrackingError(
            f"--host {host} can be reached by other machines, and the interface has no password: "
            "add --allow-remote if that is wanted"
        )
    more = [checked_host(name) for name in allowed_host or ()]
    host = host.strip("[]")
    home_folder = HomeFolder.of(home)
    store = with_driver(tracking_uri or home_folder.tracking_uri)
    if tracking_uri is None:
        check_store(store, home_folder.artifacts)
        if "%" in store:  # MLflow's server would make a folder of that name
            os.chdir(home_folder.root)
            store = "sqlite:///mlflow.db"
    else:
        check_store(store)
    refuse_taken(host, port)
    path = landing_path(store)
    command, environment = server_command(store, home_folder.artifacts, host, port)
    shown, allowed = opened(host, port, more)
    addresses = ", ".join(f"http://{name}:{port}{path}" for name in shown[:_SHOWN])
    typer.echo(f"MLflow: {addresses} (ready within seconds; Ctrl-C ends it)")
    if not is_loopback(host):
        typer.echo("under another name of this machine it answers 403, unless the name is given by --allowed-host NAME")
    sys.stdout.flush()
    # This process, which has loaded MLflow, becomes one that waits for Ctrl-C and takes no memory to speak of.
    waiting = [sys.executable, "-P", foreground.__file__, *command]
    os.execve(waiting[0], waiting, {**os.environ, **environment, **allowed})  # noqa: S606 - no shell: the program is this Python


def server_command(store: str, artifacts: Path, host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """The command of MLflow's server for one viewer: one worker, artifacts read directly, and none of the processes
    that run MLflow's own jobs, which would keep two gigabytes.

    Returns:
        The command and its environment: a store's URI may hold a password, which must not show in
        the list of processes.
    """
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--no-serve-artifacts"]
    command += ["--default-artifact-root", str(artifacts), "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--app-name", APP] if entry_points(group="mlflow.app", name=APP) else []
    return command, {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Of MLflow's own code, and of no use to who looks at runs.
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), _DEPRECATED])),
        # Uvicorn puts a folder before all others from which modules are imported: by default the current one.
        "UVICORN_APP_DIR": os.path.dirname(os.__file__),
    }


def refuse_taken(host: str, port: int) -> None:
    """Fail with one sentence rather than with MLflow's traceback.

    Raises:
        TrackingError: if nothing can listen there.
    """
    import socket

    from hmlc_ray.errors import TrackingError

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise TrackingError(f"cannot listen on {host}:{port} ({system_reason(error)}); choose another --port") from None
