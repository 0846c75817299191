"""The chart for Kubernetes: rendered by Helm itself, checked against Kubernetes' schemas, and against the compose file.

`deploy/get_helm.py` brings Helm; `.ci/run` calls it.
"""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.house.test_containers import services
from tests.house.test_environment import INTERNAL, example_names
from tests.house.tree import ROOT

HELM = Path(sys.executable).with_name("helm")
CHART = ROOT / "deploy" / "helm"
SECRETS = {
    "databaseUrl": "postgres://ollive:secret@db:5432/ollive",
    "redisUrl": "redis://:secret@valkey:6379/0",
    "secretKey": "kept",
    "encryptionKeys": "1:kept",
    "metricsToken": "kept",
}
USUAL: dict[str, Any] = {"publicUrl": "https://chat.example.com", "secrets": SECRETS}
OF_A_TEAM: dict[str, Any] = {
    "publicUrl": "https://chat.example.com",
    "existingSecret": "of-ours",
    "image": {"repository": "registry.internal/ollive", "tag": "1.2.3", "pullSecrets": ["pull"]},
    "env": {"OLLIVE_RETENTION_DAYS": "90", "ENVIRONMENT": "staging"},
    "web": {"replicas": 3, "autoscaling": {"enabled": False}, "spool": {"storageClass": "fast"}},
    "worker": {"autoscaling": {"enabled": False}},
    "files": {"existingClaim": "shared"},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "chat-tls", "annotations": {"a": "b"}},
    "networkPolicy": {
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "egress": [{"ports": [{"protocol": "TCP", "port": 11434}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "chat", "operator": "Exists"}],
    "podAnnotations": {"team": "chat"},
    "serviceAccount": {"create": False, "name": "theirs"},
}
SMALLEST: dict[str, Any] = {
    **USUAL,
    "networkPolicy": {"enabled": False},
    "web": {"replicas": 1, "autoscaling": {"enabled": False}},
    "worker": {"replicas": 1, "autoscaling": {"enabled": False}},
    "files": {"accessModes": ["ReadWriteOnce"]},
}
CHOICES = {"usual": USUAL, "of a team": OF_A_TEAM, "smallest": SMALLEST}
WITHOUT_SCHEMA = {"ServiceMonitor"}  # of the Prometheus Operator
Manifest = dict[str, Any]


def helm(*arguments: object, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    assert HELM.exists(), "python deploy/get_helm.py brings Helm, by the Python of .venv"
    command = [str(HELM), *map(str, arguments), "--values", "-"]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


@cache
def rendered(choice: str) -> list[Manifest]:
    done = helm("template", "chat", CHART, "--namespace", "people", values=CHOICES[choice])
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def of_kind(choice: str, kind: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in rendered(choice) if found["kind"] == kind}


def pods(choice: str) -> dict[str, Manifest]:
    """The pod that each workload makes, by its component."""
    found = {}
    for manifest in rendered(choice):
        template = manifest if manifest["kind"] == "Pod" else manifest.get("spec", {}).get("template")
        if template:
            found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def refusal(values: dict[str, Any]) -> str:
    done = helm("template", "chat", CHART, values=values)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("choice", CHOICES)
def test_helm_finds_nothing_to_say(choice):
    done = helm("lint", CHART, "--strict", "--quiet", values=CHOICES[choice])
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("choice", CHOICES)
def test_kubernetes_knows_every_field(choice, version):
    manifests = [manifest for manifest in rendered(choice) if manifest["kind"] not in WITHOUT_SCHEMA]
    assert len(manifests) > 9
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_what_is_missing_or_wrong_is_said_before_anything_is_made():
    assert "publicUrl is needed" in refusal({"secrets": SECRETS})
    assert "secrets.databaseUrl is needed" in refusal({"publicUrl": "https://chat.example.com"})
    assert "encryptionKeys is needed" in refusal({**USUAL, "secrets": {**SECRETS, "encryptionKeys": ""}})
    assert "replicaCount" in refusal({**USUAL, "replicaCount": 2})
    assert "/publicUrl" in refusal({**USUAL, "publicUrl": "chat.example.com"})
    assert "/web/replicas" in refusal({**USUAL, "web": {"replicas": 0}})
    assert "/env/OLLIVE_RETENTION_DAYS" in refusal({**USUAL, "env": {"OLLIVE_RETENTION_DAYS": 90}})


def test_every_value_is_in_the_schema_with_its_default():
    schema, values = json.loads((CHART / "values.schema.json").read_text()), yaml.safe_load((CHART / "values.yaml").read_text())

    def undeclared(value: Any, of: dict[str, Any], path: str) -> list[str]:
        if not isinstance(value, dict) or "properties" not in of:
            return []
        missing = [f"{path}{name}" for name in value if name not in of["properties"]]
        inner = [undeclared(each, of["properties"].get(name, {}), f"{path}{name}.") for name, each in value.items()]
        return missing + [name for names in inner for name in names]

    assert undeclared(values, schema, "") == []
    assert schema["properties"].keys() - values.keys() == {"global"}


def test_the_pods_run_what_the_compose_file_runs():
    compose, ours = services(), pods("usual")
    for name in ("web", "worker", "beat", "migrate"):
        assert ours[name]["spec"]["containers"][0]["command"] == [str(word) for word in compose[name]["command"]], name
    for name in ("web", "worker", "beat"):
        (process,) = [each["value"] for each in ours[name]["spec"]["containers"][0]["env"] if each["name"] == "OLLIVE_PROCESS"]
        assert process == compose[name]["environment"]["OLLIVE_PROCESS"]


@pytest.mark.parametrize("choice", CHOICES)
def test_each_setting_is_one_that_is_read(choice):
    (settings,) = of_kind(choice, "ConfigMap").values()
    assert settings["data"].keys() - set(example_names()) - INTERNAL == set()
    assert all(isinstance(value, str) for value in settings["data"].values())
    if secrets := of_kind(choice, "Secret"):
        assert {name for secret in secrets.values() for name in secret["stringData"]} - set(example_names()) == set()


def test_what_an_installation_sets_wins():
    (settings,) = of_kind("of a team", "ConfigMap").values()
    assert (settings["data"]["ENVIRONMENT"], settings["data"]["OLLIVE_RETENTION_DAYS"]) == ("staging", "90")
    assert {pod["spec"]["containers"][0]["image"] for pod in pods("of a team").values()} == {"registry.internal/ollive:1.2.3"}


def test_no_secret_stands_outside_of_the_secret():
    assert of_kind("of a team", "Secret") == {}
    others = [manifest for manifest in rendered("usual") if manifest["kind"] != "Secret"]
    assert not re.search(r"kept|:secret@", yaml.safe_dump_all(others))


@pytest.mark.parametrize("choice", CHOICES)
def test_no_pod_may_do_more_than_it_must(choice):
    for name, pod in pods(choice).items():
        spec = pod["spec"]
        assert (spec["securityContext"]["runAsNonRoot"], spec["automountServiceAccountToken"]) == (True, False), name
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            allowed = container["securityContext"]
            assert (allowed["readOnlyRootFilesystem"], allowed["allowPrivilegeEscalation"]) == (True, False), name
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("choice", CHOICES)
def test_volumes_that_are_mounted_are_there(choice):
    stateful = {name: set[str]() for name in pods(choice)}
    (web,) = of_kind(choice, "StatefulSet").values()
    stateful["web"] = {claim["metadata"]["name"] for claim in web["spec"]["volumeClaimTemplates"]}
    claims = {"shared", *of_kind(choice, "PersistentVolumeClaim")}
    for name, pod in pods(choice).items():
        volumes = pod["spec"].get("volumes", [])
        there = {volume["name"] for volume in volumes} | stateful[name]
        containers = (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        assert {mount["name"] for each in containers for mount in each.get("volumeMounts", ())} <= there, name
        assert {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume} <= claims


def test_pods_are_asked_by_a_name_that_django_answers_to():
    (container,) = pods("usual")["web"]["spec"]["containers"]
    asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    (settings,) = of_kind("usual", "ConfigMap").values()
    for probe in asked.values():
        assert probe["httpHeaders"] == [{"name": "Host", "value": settings["data"]["OLLIVE_ALLOWED_HOSTS"]}]


@pytest.mark.parametrize("choice", CHOICES)
def test_everything_that_points_to_pods_finds_them(choice):
    labels = [pod["metadata"]["labels"] for pod in pods(choice).values()]
    selectors = [
        *(service["spec"]["selector"] for service in of_kind(choice, "Service").values()),
        *(budget["spec"]["selector"]["matchLabels"] for budget in of_kind(choice, "PodDisruptionBudget").values()),
        *(policy["spec"]["podSelector"]["matchLabels"] for policy in of_kind(choice, "NetworkPolicy").values()),
    ]
    assert len(selectors) >= 4
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector
    workloads = {**of_kind(choice, "StatefulSet"), **of_kind(choice, "Deployment")}
    for name, scaler in of_kind(choice, "HorizontalPodAutoscaler").items():
        target = scaler["spec"]["scaleTargetRef"]
        assert workloads[target["name"]]["kind"] == target["kind"]
        assert "replicas" not in workloads[target["name"]]["spec"], f"{name} and the workload would both say how many"


def test_there_is_one_beat_and_never_two_at_once():
    (beat,) = [each for name, each in of_kind("usual", "Deployment").items() if name.endswith("-beat")]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_a_new_image_or_setting_has_a_job_of_its_own_and_the_same_one_has_not():
    def job(**changes: Any) -> str:
        done = helm("template", "chat", CHART, "--show-only", "templates/migrate.yaml", values={**USUAL, **changes})
        name: str = yaml.safe_load(done.stdout)["metadata"]["name"]
        return name

    assert job() == job()
    assert len({job(), job(image={"tag": "2"}), job(env={"LOG_LEVEL": "DEBUG"})}) == 3


def test_the_ingress_is_for_the_public_name_alone():
    (ingress,) = of_kind("of a team", "Ingress").values()
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["chat.example.com"]
    assert ingress["spec"]["tls"] == [{"hosts": ["chat.example.com"], "secretName": "chat-tls"}]
    assert of_kind("usual", "Ingress") == {}


def test_prometheus_asks_with_the_token():
    (monitor,) = of_kind("of a team", "ServiceMonitor").values()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "of-ours", "key": "OLLIVE_METRICS_TOKEN"}
    (settings,) = of_kind("of a team", "ConfigMap").values()
    assert settings["data"]["OLLIVE_METRICS_ALLOW"] == "none"
