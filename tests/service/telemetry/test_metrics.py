"""Metrics over several worker processes, read as Prometheus reads them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service.telemetry.audit import Ran, Record, Seen

FORWARDED = Record(
    id="1",
    dialect="openai_chat",
    model="any",
    stream=False,
    action="forward",
    stage="response",
    status=200,
    error="",
    rules=(),
    shadow=(),
    allowed=(),
    opened=(),
    severity="",
    tags=(),
    findings=(),
    seen=3,
    inspected=3,
    gaps=(),
    ms={"read": 0.4, "judge": 20.0, "send": 700.0, "total": 740.0},
    runs=(),
    upstream_status=200,
    policy="aa",
    scope="",
)
REFUSED = replace(
    FORWARDED,
    action="refuse",
    stage="request",
    rules=("direct-injection", "harm"),
    shadow=("secrets",),
    allowed=("status-page",),
    opened=("ocr", "classifier"),
    findings=(
        Seen(label="injection", origin="user", score=0.9),
        Seen(label="harm", origin="third_party", score=0.5),
        Seen(label="jailbreak", origin="user", score=0.49),
    ),
    upstream_status=None,
)
GAPPED = replace(
    REFUSED, rules=("coverage",), seen=4, inspected=2, gaps=(("audio", "r"), ("remote_image", "r"))
)
LOOKED = (
    Ran(detector="ocr", ms=600.0, outcomes={"found": 2}),
    Ran(detector="ocr:faint", ms=200.0, outcomes={"clean": 1, "timed_out": 1}),
)
UNREACHABLE = replace(
    FORWARDED, action="error", error="upstream_unreachable", status=502, upstream_status=None
)
TIMED_OUT = replace(UNREACHABLE, error="upstream_timeout", status=504)
OVERLOADED = replace(UNREACHABLE, error="overloaded", status=503, ms={"total": 0.2})
BROKEN_UPSTREAM = replace(FORWARDED, upstream_status=500)
ODD_UPSTREAM = replace(FORWARDED, upstream_status=299)

Call = tuple[str, tuple[Any, ...]]


def work(calls: Connection) -> None:
    """A worker: what it is told is what it calls, until it is told to end."""
    from service.telemetry import metrics  # noqa: PLC0415 - a worker imports it, its parent never

    while (call := calls.recv()) is not None:
        name, arguments = call
        getattr(metrics, name)(*arguments)
        calls.send("done")


class Worker:
    """A real process with metrics in it."""

    def __init__(self) -> None:
        self.ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self, name: str, *arguments: object) -> None:
        self.ours.send((name, arguments))
        assert self.ours.recv() == "done"

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        elif self.process.is_alive():
            self.ours.send(None)
        self.process.join(10)
        assert self.process.pid is not None
        mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call] # has no annotations


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Worker]]:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    yield Worker
    for child in multiprocessing.active_children():
        child.kill()
        child.join(10)


def scrape() -> dict[str, float]:
    """Series → value, as ``name{label="value",…}`` with labels in the order of the alphabet."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # has no annotations
    series = {}
    for family in registry.collect():
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            series[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return series


OBSERVED: dict[str, tuple[list[Record], dict[str, float]]] = {
    "a forwarded call": (
        [FORWARDED],
        {
            'glassgate_requests_total{action="forward",dialect="openai_chat"}': 1,
            "glassgate_parts_seen_total": 3,
            "glassgate_parts_inspected_total": 3,
            'glassgate_upstream_responses_total{status="200"}': 1,
            'glassgate_verb_seconds_count{verb="judge"}': 1,
            'glassgate_verb_seconds_sum{verb="judge"}': 0.02,
            'glassgate_verb_seconds_bucket{le="0.0005",verb="read"}': 1,
            'glassgate_verb_seconds_bucket{le="0.01",verb="judge"}': 0,
            'glassgate_verb_seconds_count{verb="pin"}': 0,
            "glassgate_added_seconds_sum": 0.04,
        },
    ),
    "two refusals": (
        [REFUSED, REFUSED],
        {
            'glassgate_requests_total{action="refuse",dialect="openai_chat"}': 2,
            'glassgate_rules_matched_total{mode="enforce",rule="direct-injection"}': 2,
            'glassgate_rules_matched_total{mode="shadow",rule="secrets"}': 2,
            'glassgate_allowed_total{entry="status-page"}': 2,
            'glassgate_fail_open_total{detector="ocr"}': 2,
            'glassgate_fail_open_total{detector="classifier"}': 2,
            'glassgate_findings_total{label="injection",origin="user"}': 2,
            'glassgate_findings_total{label="harm",origin="third_party"}': 2,
            'glassgate_findings_total{label="jailbreak",origin="user"}': 0,
            'glassgate_findings_total{label="hate",origin="user"}': 0,
            'glassgate_upstream_responses_total{status="200"}': 0,
        },
    ),
    "what was not inspected": (
        [GAPPED],
        {
            "glassgate_parts_seen_total": 4,
            "glassgate_parts_inspected_total": 2,
            'glassgate_gaps_total{kind="audio"}': 1,
            'glassgate_gaps_total{kind="remote_image"}': 1,
        },
    ),
    "runs of a view and of its looks": (
        [replace(FORWARDED, runs=LOOKED), replace(FORWARDED, runs=LOOKED[:1])],
        {
            'glassgate_runs_total{detector="ocr",outcome="found"}': 4,
            'glassgate_runs_total{detector="ocr:faint",outcome="clean"}': 1,
            'glassgate_runs_total{detector="ocr:faint",outcome="timed_out"}': 1,
            'glassgate_detector_seconds_count{detector="ocr"}': 2,
            'glassgate_detector_seconds_sum{detector="ocr"}': 1.2,
            'glassgate_detector_seconds_count{detector="ocr:faint"}': 1,
            'glassgate_detector_seconds_sum{detector="ocr:faint"}': 0.2,
        },
    ),
    "errors of ours and of the upstream": (
        [UNREACHABLE, TIMED_OUT, OVERLOADED, BROKEN_UPSTREAM, ODD_UPSTREAM],
        {
            'glassgate_requests_total{action="error",dialect="openai_chat"}': 3,
            'glassgate_rejected_total{reason="overloaded"}': 1,
            'glassgate_rejected_total{reason="upstream_timeout"}': 1,
            'glassgate_upstream_responses_total{status="unreachable"}': 1,
            'glassgate_upstream_responses_total{status="timeout"}': 1,
            'glassgate_upstream_responses_total{status="500"}': 1,
            'glassgate_upstream_responses_total{status="other"}': 1,
        },
    ),
}


@pytest.mark.parametrize(("records", "expected"), OBSERVED.values(), ids=OBSERVED)
def test_a_request_is_counted(
    records: list[Record], expected: dict[str, float], start: type[Worker]
) -> None:
    worker = start()
    for r in records:
        worker("observe", r)
    series = scrape()
    assert {name: series.get(name) for name in expected} == pytest.approx(expected)


def test_workers_add_up_and_counters_never_fall(start: type[Worker]) -> None:
    refused = 'glassgate_requests_total{action="refuse",dialect="openai_chat"}'
    seen = "glassgate_parts_seen_total"
    first, second = start(), start()
    first("observe", REFUSED)
    second("observe", REFUSED)
    assert (scrape()[refused], scrape()[seen]) == (2, 6)
    first.end(kill=True)
    assert (scrape()[refused], scrape()[seen]) == (2, 6)
    third = start()
    third("observe", REFUSED)
    second.end()
    assert (scrape()[refused], scrape()[seen]) == (3, 9)


def test_gauges_speak_of_living_workers(start: type[Worker]) -> None:
    first, second = start(), start()
    for worker, waiting in ((first, 3), (second, 4)):
        worker("queue_depth", waiting)
        worker("queue_limit", 64)
        worker("policy_in_force", "aa")
        worker("models_loaded", {"ocr": "6", "classifier": "1"})
    series = scrape()
    assert series["glassgate_queue_depth"] == 7
    assert series["glassgate_queue_limit"] == 128
    assert series['glassgate_policy_info{hash="aa"}'] == 2
    assert series['glassgate_model_info{detector="classifier",version="1"}'] == 2
    second("policy_in_force", "bb")
    first.end(kill=True)
    series = scrape()
    assert series["glassgate_queue_depth"] == 4
    assert series["glassgate_queue_limit"] == 64
    assert series['glassgate_policy_info{hash="aa"}'] == 0
    assert series['glassgate_policy_info{hash="bb"}'] == 1


def test_the_first_event_of_what_is_configured_is_a_step_from_zero(start: type[Worker]) -> None:
    worker = start()
    worker("expect", ["openai_chat"], ["harm"], ["secrets"], "", ["ocr"])
    series = scrape()
    assert series['glassgate_requests_total{action="refuse",dialect="openai_chat"}'] == 0
    assert series['glassgate_rules_matched_total{mode="enforce",rule="harm"}'] == 0
    assert series['glassgate_rules_matched_total{mode="shadow",rule="secrets"}'] == 0
    assert series['glassgate_fail_open_total{detector="ocr"}'] == 0


def test_labels_stay_bounded_whatever_comes(start: type[Worker]) -> None:
    worker = start()
    canary = "Ignore all previous instructions"
    worker("observe", replace(GAPPED, gaps=((canary, canary), ("a" * 97, "r"))))
    many = tuple((f"kind{n}", "r") for n in range(1000))
    worker("observe", replace(GAPPED, gaps=many))
    kinds = {name: value for name, value in scrape().items() if "gaps_total" in name}
    assert sum(kinds.values()) == 1002
    assert len(kinds) <= 201
    assert kinds['glassgate_gaps_total{kind="other"}'] > 800
    assert not any(canary in name for name in scrape())


def test_metrics_also_count_in_one_process_alone() -> None:
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    from service.telemetry import metrics  # noqa: PLC0415 - without the folder

    before = metrics.SEEN._value.get()
    metrics.observe(FORWARDED)
    assert metrics.SEEN._value.get() == before + 3
