"""The admin listener: what the supervisor knows of its workers, and the sum of their metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.admin.policy import FRESH, Policies, PolicyMetrics, routes, told


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker as the supervisor knows it.

    ``ready`` is true once its models are loaded and their self-checks passed. ``policy`` is the
    hash of its policy, ``trial`` that of one on trial, ``models`` detector → version; all are empty
    until it is ready. ``error`` says why it is not ready, and holds no payload.
    """

    index: int
    pid: int | None
    ready: bool
    policy: str
    models: Mapping[str, str]
    error: str
    trial: str = ""


class Fleet(Protocol):
    """The workers that the supervisor started, as they are now. Called from several threads."""

    def workers(self) -> Sequence[WorkerState]: ...


def admin(fleet: Fleet, policies: Policies) -> FastAPI:
    """The app of the admin listener: ``/metrics``, ``/healthz``, ``/readyz`` and ``/policy``.

    Metrics are those that the workers wrote into the folder named by the environment variable
    ``PROMETHEUS_MULTIPROC_DIR``, and the supervisor's own view of its workers.

    Raises:
        ValueError: the variable is not set, or names no folder.
    """
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # has no annotations
    registry.register(_Workers(fleet))
    registry.register(PolicyMetrics(policies))
    app = FastAPI(title="Glassgate admin", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/metrics")
    def metrics(accept: Annotated[str, Header()] = "") -> Response:
        encode, media_type = choose_encoder(accept)
        return Response(encode(registry), headers={**FRESH, "content-type": media_type})

    @app.get("/healthz")
    def healthz() -> Response:
        return JSONResponse({"alive": True}, headers=FRESH)

    @app.get("/readyz")
    def readyz() -> Response:
        workers = fleet.workers()
        ready = bool(workers) and all(worker.ready for worker in workers)
        body = {
            "ready": ready,
            "policy": told(policies.state()),
            "workers": [_told(worker) for worker in workers],
        }
        return JSONResponse(body, 200 if ready else 503, headers=FRESH)

    @app.get("/policy")
    def policy() -> Response:
        decide = [
            {"index": each.index, "policy": each.policy, "trial": each.trial}
            for each in fleet.workers()
        ]
        body = {**told(policies.state()), "workers": decide, "written": policies.written()}
        return JSONResponse(body, headers=FRESH)

    app.include_router(routes(policies))
    return app


def _told(worker: WorkerState) -> dict[str, object]:
    return {
        "index": worker.index,
        "pid": worker.pid,
        "ready": worker.ready,
        "policy": worker.policy,
        "trial": worker.trial,
        "models": dict(worker.models),
        "error": worker.error,
    }


class _Workers(Collector):
    """How many workers there are, and how many are ready: no worker can say that of itself."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[GaugeMetricFamily]:
        workers = self._fleet.workers()
        ready = sum(worker.ready for worker in workers)
        yield GaugeMetricFamily("glassgate_workers", "Workers that should serve.", len(workers))
        yield GaugeMetricFamily("glassgate_workers_ready", "Workers that are ready.", ready)
