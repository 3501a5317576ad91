"""docs/operating.md tells every metric, label, alert and field of the log."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from service.telemetry import metrics
from service.telemetry.audit import Record

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
ROWS = {
    name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
    for name, kind, labels in re.findall(
        r"^\| `(glassgate_\w+)` \| (\w+) \|([^|]*)\|", PAGE, re.MULTILINE
    )
}
BY_SUPERVISOR = {
    "glassgate_workers": ("gauge", ()),
    "glassgate_workers_ready": ("gauge", ()),
    "glassgate_policy_reloads_total": ("counter", ("outcome",)),
    "glassgate_policy_stale": ("gauge", ()),
    "glassgate_policy_trial_share": ("gauge", ()),
}


def shipped() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every metric of the workers as the page should tell it, and the supervisor's own."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            (family,) = metric.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            found[name] = (family.type, tuple(metric._labelnames))
    assert len(found) == len([f for f in REGISTRY.collect() if f.name.startswith("glassgate_")])
    return found | BY_SUPERVISOR


def test_the_table_of_metrics_is_true() -> None:
    assert shipped() == ROWS


@pytest.mark.parametrize("word", [*metrics.VERBS, *metrics.ACTIONS, *metrics.NO_ANSWER.values()])
def test_values_of_labels_are_told(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("field", [f.name for f in fields(Record)])
def test_fields_of_the_log_are_told(field: str) -> None:
    told = {"seen": "coverage", "inspected": "coverage"}.get(field, field)
    log = PAGE[PAGE.index("## The log") : PAGE.index("## Metrics")]
    assert f"`{told}`" in log


def test_alerts_are_told() -> None:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    named = [rule["alert"] for group in groups for rule in group["rules"]]
    assert re.findall(r"^\| `(Glassgate\w+)`", PAGE, re.MULTILINE) == named
