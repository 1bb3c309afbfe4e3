"""KubeRay's and `ray up`'s files against Kubernetes' schemas, KubeRay's fields and Ray's own checks."""

from __future__ import annotations

import copy
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from deployment import KUBERAY, RAY_UP, ROOT, documents, walk
from kuberay_schema import SCHEMAS
from ray.autoscaler._private.util import prepare_config, validate_config

import hmlc_ray

KUBERNETES = "1.34"
IMAGE = f"registry.example.com/hmlc-ray:{hmlc_ray.__version__}"
OBJECTS = [document for file in KUBERAY if file.name != "kustomization.yaml" for document in documents(file)]
CLUSTER = next(document for document in OBJECTS if document["kind"] == "RayCluster")["spec"]
JOB = next(document for document in OBJECTS if document["kind"] == "RayJob")["spec"]
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]


def check(document: dict[str, Any]) -> None:
    """A Ray object against KubeRay's fields and its pods against Kubernetes' schema; others against Kubernetes'."""
    if document["kind"] not in SCHEMAS:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.validate(document, SCHEMAS[document["kind"]])
    spec = document["spec"].get("rayClusterSpec", document["spec"])
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": group["template"]}
        kubernetes_validate.validate(template, KUBERNETES, strict=True)


@pytest.mark.parametrize("document", OBJECTS, ids=lambda d: f"{d['kind']}/{d['metadata']['name']}")
def test_kubernetes_takes_it(document: dict[str, Any]) -> None:
    check(document)
    assert document["metadata"].get("namespace", "hmlc") == "hmlc"


@pytest.mark.parametrize("place", ["spec", "autoscalerOptions", "headGroupSpec", "template", "container"])
def test_a_misspelt_field_is_found(place: str) -> None:
    document = copy.deepcopy(next(document for document in OBJECTS if document["kind"] == "RayCluster"))
    spec = document["spec"]
    pod = spec["headGroupSpec"]["template"]["spec"]
    places = {"spec": spec, "template": pod, "container": pod["containers"][0]}
    places.get(place, spec.get(place))["mispelt"] = "x"
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError), match="mispelt"):
        check(document)


def test_a_cluster_asks_for_its_token_and_grows_by_itself() -> None:
    assert CLUSTER["authOptions"] == {"mode": "token"}
    assert (CLUSTER["enableInTreeAutoscaling"], CLUSTER["autoscalerOptions"]["version"]) == (True, "v2")
    assert CLUSTER["rayVersion"] == version("ray")
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert CLUSTER["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert JOB["rayClusterSpec"] == CLUSTER


def test_groups_share_storage_and_hold_no_privilege() -> None:
    names = [group.get("groupName", "head") for group in GROUPS]
    assert names == ["head", "cpu", "gpu"]
    for name, group in zip(names, GROUPS, strict=True):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == f"{IMAGE}-{'gpu' if name == 'gpu' else 'cpu'}"
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 1000)
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (name == "gpu")
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
        assert claims == ["hmlc-shared"]
        assert any("spot" in toleration["key"] for toleration in pod.get("tolerations", ())) == (name != "head")


def test_claims_secrets_and_labels_that_are_named_exist() -> None:
    claims = {document["metadata"]["name"] for document in OBJECTS if document["kind"] == "PersistentVolumeClaim"}
    named = [value["claimName"] for value in walk(OBJECTS) if isinstance(value, dict) and "claimName" in value]
    assert set(named) == claims
    assert not [document for document in OBJECTS if document["kind"] == "Secret"], "secrets are made by hand"
    policies = [document["spec"] for document in OBJECTS if document["kind"] == "NetworkPolicy"]
    assert policies[0] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert all(rule.get("from") for policy in policies for rule in policy.get("ingress", ())), "no door to everyone"


def test_kustomize_builds_it(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(ROOT / "cluster" / "kuberay", tmp_path / "k")
    file = tmp_path / "k" / "kustomization.yaml"
    file.write_text(file.read_text().replace("newName: registry.example.com", "newName: ghcr.example.org/me"))
    done = subprocess.run([kubectl, "kustomize", str(tmp_path / "k")], capture_output=True, text=True, check=True)
    built = list(yaml.safe_load_all(done.stdout))
    wanted = [document for document in OBJECTS if document["kind"] != "RayJob"]
    assert sorted(document["kind"] for document in built) == sorted(document["kind"] for document in wanted)
    images = {value["image"] for value in walk(built) if isinstance(value, dict) and "image" in value}
    assert images == {f"ghcr.example.org/me/hmlc-ray:{hmlc_ray.__version__}-{kind}" for kind in ("cpu", "gpu")}


@pytest.mark.parametrize("file", RAY_UP, ids=lambda file: file.stem)
def test_ray_takes_it(file: Path) -> None:
    (config,) = documents(file)
    filled = prepare_config(copy.deepcopy(config))
    validate_config(filled)
    config["head_start_command"] = []
    with pytest.raises(jsonschema.ValidationError, match="head_start_command"):
        validate_config(prepare_config(config))


@pytest.mark.parametrize("file", RAY_UP, ids=lambda file: file.stem)
def test_a_launched_cluster_is_closed(file: Path) -> None:
    (config,) = documents(file)
    head, workers = (" ".join(config[f"{kind}_start_ray_commands"]) for kind in ("head", "worker"))
    assert "--dashboard-host=127.0.0.1" in head
    assert "--port=6379" in head
    assert "--address=$RAY_HEAD_IP:6379" in workers
    assert config["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"
    assert config["setup_commands"] == ["chmod 600 ~/.ray/auth_token ~/.mlflow/credentials"]
    images = {value for value in walk(config) if isinstance(value, str) and "/hmlc-ray:" in value}
    assert images <= {f"{IMAGE}-cpu", f"{IMAGE}-gpu"}
    assert images
    for rule in config["provider"].get("security_group", {}).get("IpPermissions", ()):
        assert "0.0.0.0/0" not in str(rule)
