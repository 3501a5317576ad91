"""The Dockerfile and the compose file, without a container engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
DATASOURCE = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml"
PROVIDER = ROOT / "deploy/grafana/provisioning/dashboards/glassgate.yaml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/glassgate.json").read_text())

Stage = list[tuple[str, str]]


def stages() -> list[Stage]:
    """The instructions of each build stage: (instruction, value)."""
    found: list[Stage] = []
    for step in DockerfileParser(str(ROOT / "Dockerfile"), cache_content=True).structure:
        if step["instruction"] == "FROM":
            found.append([])
        if found and step["instruction"] != "COMMENT":
            found[-1].append((step["instruction"], step["value"]))
    return found


def values(stage: Stage, instruction: str) -> list[str]:
    return [value for name, value in stage if name == instruction]


def test_hadolint_has_nothing_to_say() -> None:
    result = subprocess.run(
        [BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_the_image_that_runs_is_bare_and_without_root() -> None:
    *_, final = stages()
    assert values(final, "RUN") == []
    assert values(final, "ADD") == []
    assert values(final, "COPY") == ["--from=build /app /app"]
    (user,) = values(final, "USER")
    assert all(int(number) > 0 for number in user.split(":"))
    assert json.loads(values(final, "ENTRYPOINT")[0]) == ["glassgate"]
    assert json.loads(values(final, "CMD")[0]) == ["serve"]
    assert "GLASSGATE_HOST=0.0.0.0" in values(final, "ENV")[0]


def test_bases_are_pinned_and_one() -> None:
    bases = {value.split()[0] for stage in stages() for value in values(stage, "FROM")}
    assert len(bases) == 1
    assert "latest" not in bases.pop().partition(":")[2]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)], ids=["ready", "not ready"])
def test_the_health_check_asks_for_readiness(status: int, code: int, tmp_path: Path) -> None:
    (check,) = values(stages()[-1], "HEALTHCHECK")
    _python, *arguments = json.loads(check[check.index("CMD ") + 4 :])
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    with subprocess.Popen(
        [sys.executable, server, str(status)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        result = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "GLASSGATE_ADMIN_PORT": port},
            capture_output=True,
            check=False,
        )
        process.kill()
    assert result.returncode == code


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Readiness(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]) if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Readiness)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that is gone after the test; pytest would keep the last three environments."""
    with TemporaryDirectory(prefix="glassgate-") as folder:
        yield Path(folder)


def test_its_install_steps_work_in_a_clean_environment(scratch: Path) -> None:
    """The steps of the build stage, with /app and the work folder in a folder of the test."""
    build, app = scratch / "build", scratch / "app"
    build.mkdir()
    wanted = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"]
    search = f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": search, "HOME": str(scratch), **pip_settings()}
    for instruction, value in stages()[0]:
        if instruction == "COPY":
            *sources, _target = value.split()
            for source in sources:
                assert source in wanted, f".dockerignore keeps {source} out"
                copy(ROOT / source, build / source)
        elif instruction == "RUN":
            command = value.replace("/app", str(app)).replace(
                "python -m venv", f"{sys.executable} -m venv"
            )
            result = subprocess.run(
                ["sh", "-ec", command],
                cwd=build,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, f"{value}\n{result.stdout}\n{result.stderr}"
    shutil.rmtree(build)
    for arguments in (["--help"], ["doctor"]):
        result = subprocess.run(
            [app / "bin" / "glassgate", *arguments],
            cwd=scratch,
            env={"PATH": search},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    assert not (app / "bin" / "pip").exists()


def pip_settings() -> dict[str, str]:
    """Where this machine's pip looks for packages."""
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_each_service_is_hardened_and_pinned(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    if "image" in service:
        version = service["image"].partition(":")[2].removeprefix("v")
        assert len([int(number) for number in version.split(".")]) == 3
    else:
        assert (ROOT / "deploy" / service["build"] / "Dockerfile").is_file()


def test_folders_that_compose_mounts_are_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    folders = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(folders) == 3
    assert all((ROOT / "deploy" / folder).is_dir() for folder in folders)
    assert set(COMPOSE["volumes"]) == {
        mount.split(":")[0] for mount in mounts if not mount.startswith("./")
    }


def test_compose_prometheus_and_grafana_find_each_other() -> None:
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = scrape["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["glassgate:8081"]}]
    assert job["job_name"] in SERVICES
    assert SERVICES["glassgate"]["environment"]["GLASSGATE_ADMIN_HOST"] == "0.0.0.0"
    (source,) = yaml.safe_load(DATASOURCE.read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    (provider,) = yaml.safe_load(PROVIDER.read_text())["providers"]
    mounted = f"./grafana/dashboards:{provider['options']['path']}:ro"
    assert mounted in SERVICES["grafana"]["volumes"]


def test_every_panel_asks_the_provisioned_source() -> None:
    (source,) = yaml.safe_load(DATASOURCE.read_text())["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    asked = [panel["datasource"] for panel in panels]
    asked += [target["datasource"] for panel in panels for target in panel["targets"]]
    asked += [variable["datasource"] for variable in DASHBOARD["templating"]["list"]]
    assert all(source == wanted for source in asked)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"] for panel in panels)
