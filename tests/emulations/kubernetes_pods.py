"""Kubernetes: https://kubernetes.io/docs/reference/using-api/api-concepts/."""

import json
from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "eyJhbGciOiJSUzI1NiIs.kubernetes-example.token"
VERSION = "9007199254740993"
PODS: list[Any] = [
    {
        "metadata": {
            "name": f"web-{n}",
            "namespace": "default" if n % 2 else "kube-system",
            "uid": f"00000000-0000-4000-8000-{n:012d}",
            "creationTimestamp": "2021-01-01T00:00:00Z",
            "annotations": {"example.org/owner": "Łukasz"},
        },
        "spec": {"nodeName": f"node-{n % 7}", "priority": None},
        "status": {"phase": "Running"},
    }
    for n in range(1200)
]


def _page(asked: Asked, pods: list[Any]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return _status(401, "Unauthorized", "Unauthorized")
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/api/v1/pods")
    assert params.keys() <= {"limit", "continue"}
    limit, start = int(params["limit"]), 0
    if "continue" in params:
        place = json.loads(b64decode(params["continue"]))
        assert (place["v"], place["rv"]) == ("meta.k8s.io/v1", VERSION)
        start = place["start"]
    end = start + limit
    metadata: dict[str, Any] = {"resourceVersion": VERSION}
    if end < len(pods):
        place = {"v": "meta.k8s.io/v1", "rv": VERSION, "start": end}
        metadata["continue"] = b64encode(json.dumps(place).encode()).decode()
        metadata["remainingItemCount"] = len(pods) - end
    return Answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata,
                   "items": pods[start:end]})  # fmt: skip


def _status(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return Answer({**body, "message": message, "reason": reason, "code": code}, code)


def _always_too_late(asked: Asked) -> Answer:
    """A cluster whose snapshots are gone before the second page: no restart helps."""
    if "continue" not in asked.params:
        return _page(asked, PODS)
    return _status(410, "Expired", "The provided continue parameter is too old")


EMULATION = Emulation(
    records={"pods": PODS},
    answer=lambda asked: _page(asked, PODS),
    nothing=lambda asked: _page(asked, []),
    failure=_always_too_late,
    failure_exit_code=3,
    env={"KUBERNETES_TOKEN": TOKEN},
)
