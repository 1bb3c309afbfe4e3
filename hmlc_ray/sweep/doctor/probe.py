"""What a node reports. Sent by value, so that a node without this package can report that; hence no import of it."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

PACKAGES = ("hmlc-ray", "ray", "torch", "optuna", "mlflow", "numpy", "pyarrow")
DRIVERS_FILE = "driver"


def probe(name: str, storage: str, data: str | None, packages: tuple[str, ...] = PACKAGES) -> dict[str, Any]:
    """Versions, CPUs, GPUs, and whether the node can use the storage and see the data.

    Args:
        name: the file that the node writes into `storage`.
        storage: URI of a folder that holds `DRIVERS_FILE`.
        data: a folder or file that must be there.
        packages: distributions whose versions are wanted.
    """
    return {
        "python": platform.python_version(),
        "versions": {package: version_of(package) for package in packages},
        "cpus": _cpus(),
        "gpus": _gpus(),
        "storage": _use(storage, name),
        "data": None if data is None else _see(Path(data)),
    }


def clock() -> float:
    """The node's time, in Unix seconds."""
    return time.time()


def version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpus() -> int | None:
    """The CPUs that this process may use; None where the package is missing, or of another version."""
    try:
        from hmlc_ray.machine.cpus import usable_cpus

        return usable_cpus()
    except Exception:
        return None


def _gpus() -> list[str]:
    """`name, driver` of each GPU that the driver shows."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _use(storage: str, name: str) -> str | None:
    """Why the storage cannot be read and written, or None."""
    from pyarrow import fs

    try:
        system, path = fs.FileSystem.from_uri(storage)
        if system.get_file_info(f"{path}/{DRIVERS_FILE}").type != fs.FileType.File:
            return "it does not see what the driver wrote there: the folder is not shared"
        with system.open_output_stream(f"{path}/{name}") as file:
            file.write(name.encode())
    except Exception as error:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return None


def _see(folder: Path) -> str | None:
    """Why the data cannot be seen, or None."""
    try:
        if folder.is_file():
            return None if folder.stat().st_size else "the file is empty"
        return None if any(folder.iterdir()) else "the folder is empty"
    except OSError as error:
        return error.strerror or str(error)
