"""What KubeRay takes, as far as this repository uses it: the fields of ray.io/v1 in its API reference (v1.7).

Written from https://docs.ray.io/en/master/kuberay/references/api.html, not copied from the operator's CRDs. Pod
templates are Kubernetes' own and are checked against Kubernetes' schema.
"""

from __future__ import annotations

from typing import Any

TEXT, FLAG, COUNT = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
TEMPLATE = {"type": "object", "required": ["spec"]}


def record(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": fields}


AUTOSCALER = record(
    version={"enum": ["v1", "v2"]},
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    idleTimeoutSeconds=COUNT,
    image=TEXT,
    imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    resources={"type": "object"},
    securityContext={"type": "object"},
    env={"type": "array"},
    envFrom={"type": "array"},
    volumeMounts={"type": "array"},
)
HEAD = record(
    ("template",),
    template=TEMPLATE,
    rayStartParams=TEXTS,
    serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    enableIngress=FLAG,
    headService={"type": "object"},
)
WORKERS = record(
    ("groupName", "minReplicas", "maxReplicas", "template"),
    groupName={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=COUNT,
    idleTimeoutSeconds=COUNT,
    suspend=FLAG,
    rayStartParams=TEXTS,
    scaleStrategy={"type": "object"},
    template=TEMPLATE,
)
CLUSTER = record(
    ("headGroupSpec",),
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    authOptions=record(mode={"enum": ["disabled", "token"]}, secretName=TEXT, enableK8sTokenAuth=FLAG),
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=AUTOSCALER,
    gcsFaultToleranceOptions={"type": "object"},
    headServiceAnnotations=TEXTS,
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
    managedBy=TEXT,
    suspend=FLAG,
)
JOB = record(
    ("entrypoint", "rayClusterSpec"),
    entrypoint=TEXT,
    rayClusterSpec=CLUSTER,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterPodTemplate=TEMPLATE,
    submitterConfig=record(backoffLimit=COUNT),
    runtimeEnvYAML=TEXT,
    metadata=TEXTS,
    jobId=TEXT,
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    entrypointResources=TEXT,
    activeDeadlineSeconds=COUNT,
    backoffLimit=COUNT,
    shutdownAfterJobFinishes=FLAG,
    ttlSecondsAfterFinished=COUNT,
    clusterSelector=TEXTS,
    suspend=FLAG,
    managedBy=TEXT,
)


def kind(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": TEXT, "namespace": TEXT, "labels": TEXTS},
    }
    return record(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": name},
        metadata=metadata,
        spec=spec,
    )


SCHEMAS = {"RayCluster": kind("RayCluster", CLUSTER), "RayJob": kind("RayJob", JOB)}
