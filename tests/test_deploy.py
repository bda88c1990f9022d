"""Is what deploys an app with a database valid, by the tools of those who read it; and does it agree with itself?"""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from tests.baking import PROVIDERS, QUESTIONS, bake, run

SETTINGS = QUESTIONS["_providers"]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    """Name a provider."""
    return request.param


@pytest.fixture(params=["database", "accounts"])
def app(provider: str, request: pytest.FixtureRequest) -> Path:
    """Render an app with a database."""
    return bake(model_provider=provider, conversations=request.param)


def compose(app: Path) -> dict[str, Any]:
    """Return what compose.yaml says, with its services as they are merged."""
    return yaml.safe_load((app / "compose.yaml").read_text(encoding="utf-8"))


def manifests(app: Path) -> Iterator[dict[str, Any]]:
    """Yield what is given to Kubernetes, but for what kustomize adds."""
    for name in yaml.safe_load((app / "deploy" / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]:
        yield from yaml.safe_load_all((app / "deploy" / name).read_text(encoding="utf-8"))


def test_compose_reads_its_file(app: Path, provider: str) -> None:
    made = compose(app)
    PyCompose.from_json(json.dumps(made)).validate()
    variables = {name: value for name, value in made["services"]["app"]["environment"].items() if value is None}
    row = SETTINGS[provider]
    assert {row["key_variable"], row["base_url_variable"]} - {""} <= variables.keys()
    for service in made["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in made["volumes"] or (app / source).is_file() or (app / f"{source}.example").is_file()


def test_each_replica_knows_the_database_of_its_tools() -> None:
    app = bake(model_provider="openai", conversations="database", tools="files")
    assert compose(app)["services"]["app"]["environment"]["TOOLS_DATABASE"] is None


def test_each_replica_knows_how_people_sign_in() -> None:
    app = bake(conversations="accounts")
    path = "/app/.streamlit/secrets.toml"
    assert f"./.streamlit/secrets.toml:{path}:ro" in compose(app)["services"]["app"]["volumes"]
    pod = next(manifests(app))["spec"]["template"]["spec"]
    (mounted,) = (mount for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == path)
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == mounted["name"])
    said = (app / "deploy" / "kustomization.yaml").read_text(encoding="utf-8")
    assert f"kubectl create secret generic {volume['secret']['secretName']} --from-file=.streamlit/secrets.toml" in said


def test_kubernetes_reads_its_files(app: Path) -> None:
    kinds = []
    for manifest in manifests(app):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
        kinds.append(manifest["kind"])
    assert sorted(kinds) == [
        "Deployment",
        "Deployment",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "PodDisruptionBudget",
        "Service",
        "Service",
    ]


@pytest.mark.skipif(not shutil.which("haproxy"), reason="no HAProxy: apt-get install haproxy")
def test_haproxy_reads_its_file() -> None:
    config = bake(conversations="database") / "deploy" / "haproxy.cfg"
    done = run("haproxy", "-c", "-f", config, cwd=config.parent)
    assert "valid" in done.stdout
    assert "WARNING" not in done.stdout


def test_answers_have_their_time_to_end() -> None:
    app = bake(conversations="database")
    seconds = tomllib.loads((app / "settings.toml").read_text(encoding="utf-8"))["shutdown_seconds"]
    services = compose(app)["services"]
    assert float(services["app"]["stop_grace_period"].removesuffix("s")) > seconds
    pod = next(manifest for manifest in manifests(app) if manifest["metadata"]["name"] == "chat-app")["spec"][
        "template"
    ]
    (container,) = pod["spec"]["containers"]
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > seconds + before


def test_all_that_runs_the_image_runs_it_as_it_may_be_run() -> None:
    app = bake(conversations="database")
    services = compose(app)["services"]
    assert all(services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"] for name in ("app", "migration"))
    for manifest in manifests(app):
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"]
            for container in [*pod["containers"], *pod.get("initContainers", [])]:
                assert container["securityContext"]["readOnlyRootFilesystem"]
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_parts_find_each_other() -> None:
    app = bake(conversations="database")
    made = {(each["kind"], each["metadata"]["name"]): each for each in manifests(app)}
    for (kind, name), each in made.items():
        if kind == "Service":
            labels = [m["spec"]["template"]["metadata"]["labels"] for (k, _), m in made.items() if k == "Deployment"]
            assert each["spec"]["selector"] in labels, name
    (haproxy,) = made["Deployment", "chat-proxy"]["spec"]["template"]["spec"]["containers"]
    address = next(variable["value"] for variable in haproxy["env"] if variable["name"] == "APP")
    assert ("Service", address.partition(".")[0]) in made
    config = (app / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
    most = made["HorizontalPodAutoscaler", "chat-app"]["spec"]["maxReplicas"]
    assert re.findall(r"server-template app- (\d+) ", config) == [str(most)]
    assert compose(app)["services"]["proxy"]["environment"]["APP"] in compose(app)["services"]


def test_what_is_secret_comes_from_elsewhere() -> None:
    app = bake(model_provider="openai", conversations="database")
    services = compose(app)["services"].values()
    pairs = [pair for service in services for pair in service.get("environment", {}).items() if pair[1] is not None]
    given = dict(pairs)
    assert given.keys() == {"APP", "DATABASE_URL", "PGPASSWORD", "POSTGRES_PASSWORD", "POSTGRES_USER"}
    assert all(value.startswith("${") for name, value in pairs if name.endswith("PASSWORD"))
    assert given["DATABASE_URL"] == "postgresql://chat@database/chat"
    assert "Secret" not in [manifest["kind"] for manifest in manifests(app)]
    pod = next(manifest for manifest in manifests(app) if manifest["metadata"]["name"] == "chat-app")["spec"][
        "template"
    ]
    for container in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]:
        assert container["envFrom"] == [{"secretRef": {"name": "chat"}}]
        assert "env" not in container


def test_an_app_that_keeps_nothing_has_none_of_it() -> None:
    assert not {"compose.yaml", "deploy"} & set(os.listdir(bake()))
