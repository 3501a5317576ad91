"""Debian's promtool and Prometheus accept what is shipped."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_accepts(command: list[str]) -> None:
    result = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for case in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]:
        for expected in case["alert_rule_test"]:
            (fires if expected["exp_alerts"] else silent).add(expected["alertname"])
    assert fires == silent == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert alert["for"]
    assert set(alert["annotations"]) == {"summary", "do"}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("> 0.2", "> 0.6"),
        ("< 0.999", "< 0.5"),
        ("> 0.05", "> 0.5"),
        ("> 0.8", "> 0.95"),
        ('{action="refuse"}', '{action="forward"}'),
        ("unreachable|", ""),
        ("audit_dropped_total[5m])) > 0", "audit_dropped_total[5m])) > 400"),
    ],
)
def test_the_unit_tests_notice_a_wrong_rule(rule: str, wrong: str, tmp_path: Path) -> None:
    shipped = (FOLDER / "alerts.yml").read_text()
    assert rule in shipped
    (tmp_path / "alerts.yml").write_text(shipped.replace(rule, wrong))
    (tmp_path / "alerts_test.yml").write_text((FOLDER / "alerts_test.yml").read_text())
    result = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "FAILED" in result.stdout + result.stderr
