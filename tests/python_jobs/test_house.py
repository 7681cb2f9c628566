"""What is written for developers and for machines agrees: targets, hooks, workflow, versions."""

import re
import tomllib
from xml.etree import ElementTree

import yaml

from tests.python_jobs.conftest import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
WORKFLOW = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())["jobs"]


def targets():
    """Return what each target of the Makefile needs first."""
    return {
        target: needs.split()
        for target, needs in re.findall(r"^([\w-]+):(?!=)(.*)$", MAKEFILE, re.MULTILINE)
    }


def test_the_hooks_are_the_parts_of_make_lint():
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == [f"make {part}" for part in targets()["lint"]]


def test_the_workflow_calls_make_on_every_python_that_is_promised():
    ran = {step["run"] for job in WORKFLOW.values() for step in job["steps"] if "run" in step}
    compose = "docker compose up --detach --wait"
    assert ran == {"make test", "make test-server", "make test-dashboards", "make audit", compose}
    ran -= {compose}
    assert {command.removeprefix("make ") for command in ran} <= targets().keys()
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert WORKFLOW["test"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert len(WORKFLOW["server"]["strategy"]["matrix"]["clickhouse"]) >= 3


def test_the_compose_file_is_a_cluster_of_two_with_a_keeper():
    """As far as reading goes: here is no Docker to start it with."""
    compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    services = compose["services"]
    files = {
        name: ElementTree.fromstring(its["content"]) for name, its in compose["configs"].items()
    }
    assert {its["source"] for service in services.values() for its in service["configs"]} == {
        *files
    }
    hosts = [host.text for host in files["cluster"].findall(".//two//host")]
    assert hosts == [its["hostname"] for its in services.values() if "hostname" in its]
    assert len({services[host]["environment"]["REPLICA"] for host in hosts}) == len(hosts) == 2
    keeper = files["cluster"].find("zookeeper/node")
    assert keeper is not None
    assert keeper.findtext("host") in services
    assert keeper.findtext("port") == files["keeper"].findtext(".//tcp_port")
    job = WORKFLOW["cluster"]["steps"][-1]["env"]
    variables = {
        name.removeprefix("DATAFLIX_TEST_CLICKHOUSE_"): value for name, value in job.items()
    }
    assert files["cluster"].find(f"remote_servers/{variables['CLUSTER']}") is not None
    port = variables["REPLICA"].rpartition(":")[2]
    assert services[hosts[1]]["ports"] == [f"127.0.0.1:{port}:8123"]
    for name in ("USER", "PASSWORD"):
        assert services[hosts[0]]["environment"][f"CLICKHOUSE_{name}"] == variables[name]
    tested = WORKFLOW["server"]["strategy"]["matrix"]["clickhouse"][-1]
    assert {its["image"].rpartition(":-")[2] for its in services.values()} == {f"{tested}}}"}


def test_every_make_command_in_the_documents_has_its_target():
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    named = {
        target
        for page in pages
        for target in re.findall(r"(?:`|^)make ([a-z][\w-]*)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test", "audit", "lock"} <= named
    assert named - targets().keys() == set()


def test_the_changelog_has_the_version_that_is_packaged():
    versions = re.findall(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]]
