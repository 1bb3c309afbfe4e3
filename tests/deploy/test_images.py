"""Dockerfiles, scripts and the compose file: linted, pinned, without secrets, closed to other machines."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from deployment import ALL, COMPOSE, DOCKERFILES, ROOT, SCRIPTS, documents
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hmlc_ray
from hmlc_ray.cli.app import app

BIN = Path(sys.executable).parent
SERVICES: dict[str, dict[str, Any]] = documents(COMPOSE)[0]["services"]
OURS = f"hmlc-ray:{hmlc_ray.__version__}-cpu"


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    if not (BIN / "hadolint").exists():
        pytest.skip("hadolint is installed on Linux x86-64 alone")
    done = subprocess.run([BIN / "hadolint", file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_shellcheck_has_nothing_to_say(file: Path) -> None:
    done = subprocess.run([BIN / "shellcheck", file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_images_are_pinned_and_not_root(file: Path) -> None:
    text = file.read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2, "one stage builds, the other runs"
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["1000:100"]
    assert text.index("USER") < text.index("\nCMD")
    assert "-c docker/constraints.txt" in text
    assert "RAY_AUTH_MODE=token" in text
    assert re.search(r"^HEALTHCHECK", text, re.MULTILINE)
    assert not re.search(r"^(ADD|ARG|EXPOSE)\b", text, re.MULTILINE)


def test_both_images_differ_in_torch_alone() -> None:
    cpu, gpu = (set(file.read_text().splitlines()) for file in DOCKERFILES)
    only = {line for line in cpu ^ gpu if not line.startswith("#")}
    assert all(re.search(r"whl/cpu|NVIDIA_|PYTHONUNBUFFERED|pip install|constraints", line) for line in only), only


def test_what_goes_into_an_image_is_listed() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    copied = {
        source
        for file in DOCKERFILES
        for line in re.findall(r"^COPY (.+)", file.read_text(), re.MULTILINE)
        if "--from" not in line
        for source in line.split()[:-1]
        if not source.startswith("--")
    }
    assert copied == {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)


def test_constraints_pin_what_the_package_asks_for() -> None:
    lines = [
        line for line in (ROOT / "docker" / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    ]
    pins = dict(line.split("==") for line in lines)
    assert list(pins) == sorted(pins)
    for text in requires("hmlc-ray") or ():
        need = Requirement(text)
        if any(
            need.marker is None or need.marker.evaluate({"extra": extra}) for extra in ("", "postgres", "s3", "server")
        ):
            assert need.specifier.contains(pins[canonicalize_name(need.name)]), text


def test_the_compose_file_is_one() -> None:
    compose = PyCompose.from_yaml(yaml.safe_dump(documents(COMPOSE)[0]))
    assert set(compose.service_names()) == {"ray-head", "ray-worker", "mlflow", "postgres", "s3", "bucket"}
    broken = documents(COMPOSE)[0]
    broken["services"]["mlflow"]["prots"] = ["5000:5000"]
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml(yaml.safe_dump(broken))


def test_only_two_doors_lead_out_and_both_are_on_loopback() -> None:
    doors = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert doors == {"ray-head": ["127.0.0.1:8265:8265"], "mlflow": ["127.0.0.1:5000:5000"]}
    assert documents(COMPOSE)[0]["networks"]["stores"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["stores"]


def test_services_are_bounded_and_pinned() -> None:
    assert {name for name, service in SERVICES.items() if service["image"] == OURS} == {
        "ray-head",
        "ray-worker",
        "mlflow",
        "bucket",
    }
    assert SERVICES["ray-worker"]["deploy"]["replicas"] == 2
    for name, service in SERVICES.items():
        assert re.search(r":\d[\w.-]*$", service["image"]), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("read_only") or name == "s3", name
        assert "healthcheck" in service or service["image"] == OURS, name
        assert not service.get("privileged"), name
        assert set(service.get("depends_on", ())) <= SERVICES.keys(), name


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """Every file that the compose file names is made by `make-secrets`, once, for this user's eyes only."""
    sources = {name: secret["file"] for name, secret in documents(COMPOSE)[0]["secrets"].items()}
    used = {
        s if isinstance(s, str) else s["source"] for service in SERVICES.values() for s in service.get("secrets", ())
    }
    assert used == sources.keys()
    script, folder = ROOT / "docker" / "make-secrets", tmp_path / "secrets"
    subprocess.run([script, folder], check=True)
    files = {file.name: file.read_text() for file in folder.iterdir()}
    assert files.keys() == {Path(file).name for file in sources.values()}
    assert {stat.S_IMODE(os.stat(folder / name).st_mode) for name in files} == {0o600}
    assert re.fullmatch("[0-9a-f]{64}", files["ray_token"])
    assert files["mlflow_password"] in files["mlflow_credentials"]
    identity = json.loads(files["s3_identities"])["identities"][0]["credentials"][0]
    assert identity["secretKey"] in files["aws_credentials"]
    assert len(set(files.values())) == len(files)
    again = subprocess.run([script, folder], capture_output=True, text=True)
    assert (again.returncode, "nothing was changed" in again.stderr) == (1, True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == files


@pytest.mark.parametrize("file", ALL, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_secret_is_in_a_file(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", text)
    assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|\bgh[pousr]_\w{20}", text)
    drawn = re.findall(r"\b[0-9a-f]{24,}\b|\b(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])\w{24,}\b", text)
    assert drawn == [], "looks like a key"


def test_every_command_exists() -> None:
    """Each `hmlc COMMAND` that a deployment file runs is one."""
    text = "\n".join(file.read_text() for file in ALL)
    named = set(re.findall(r"""(?:^|exec |['"(;&] ?)hmlc ([a-z]+)|^ *run ([a-z]+) """, text, re.MULTILINE))
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    used = {name for pair in named for name in pair if name}
    assert used == {"resume", "sweep"}
    assert used <= commands
