"""What an API server would refuse, without one: each object against the schema of its own kind.

The schemas are the publishers' own, from their Go modules: Kubernetes' OpenAPI document and the
CRDs of the Prometheus operator and of cert-manager. They are made strict: a field that a schema does
not name is an error, as with `kubectl apply --validate=strict`.
"""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import yaml

MODULES = {
    "kubernetes": "k8s.io/kubernetes@v1.36.3",
    "operator": "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    "cert-manager": "github.com/cert-manager/cert-manager@v1.21.2",
}
CRDS = {
    ("monitoring.coreos.com/v1", "PodMonitor"):
        ("operator", "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    ("monitoring.coreos.com/v1", "PrometheusRule"):
        ("operator", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
    ("cert-manager.io/v1", "Certificate"):
        ("cert-manager", "deploy/crds/cert-manager.io_certificates.yaml"),
}


@functools.cache
def module(name: str) -> Path:
    """The folder of a module, fetched once into Go's own cache."""
    done = subprocess.run(["go", "mod", "download", "-json", MODULES[name]], check=True, cwd="/",
                          text=True, stdout=subprocess.PIPE)
    return Path(json.loads(done.stdout)["Dir"])


def strict(schema: Any) -> Any:
    """With nothing allowed that is not named, and Kubernetes' own words said in JSON Schema's."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: strict(part) for key, part in schema.items()}
    named = isinstance(out.get("properties"), dict) and "$ref" not in out
    if named and not out.get("x-kubernetes-preserve-unknown-fields"):
        out.setdefault("additionalProperties", False)
    if out.get("format") == "int-or-string" or out.get("x-kubernetes-int-or-string"):
        out.pop("anyOf", None)
        out["type"] = ["integer", "string"]
    out.pop("format", None)  # int32, byte, date-time: of no help here
    return out


@functools.cache
def kubernetes() -> dict[str, Any]:
    document = json.loads((module("kubernetes") / "api/openapi-spec/swagger.json").read_text())
    definitions = strict(document["definitions"])
    for name, schema in definitions.items():
        if name.endswith("api.resource.Quantity"):
            schema["type"] = ["string", "number"]
    return definitions


@functools.cache
def validator(api_version: str, kind: str) -> jsonschema.Draft7Validator:
    if crd := CRDS.get((api_version, kind)):
        name, path = crd
        versions = yaml.safe_load((module(name) / path).read_text())["spec"]["versions"]
        version = next(one for one in versions if one["name"] == api_version.partition("/")[2])
        schema = strict(version["schema"]["openAPIV3Schema"])
        # ObjectMeta is not in a CRD.
        schema["properties"]["metadata"] = {"type": "object"}
        return jsonschema.Draft7Validator(schema)
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    for name, schema in kubernetes().items():
        if wanted in schema.get("x-kubernetes-group-version-kind", []):
            return jsonschema.Draft7Validator({"$ref": f"#/definitions/{name}",
                                               "definitions": kubernetes()})
    raise LookupError(f"there is no {api_version} {kind}")


def complaints(document: dict[str, Any]) -> list[str]:
    where = f"{document['kind']} {document['metadata']['name']}"
    return [f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator(document["apiVersion"], document["kind"]).iter_errors(document)]
