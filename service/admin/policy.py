"""The policy on the admin listener: what is in force, and the two ways to change it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

FRESH = {"cache-control": "no-store"}


class NoFormerPolicy(Exception):
    """There is none to return to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """The policy as the supervisor knows it.

    ``hash`` names the one in force since ``since`` (ISO 8601, UTC), ``trial`` the one that is tried
    on the ``share`` of the requests, if there is one; ``former`` is what a rollback returns to.
    ``problems`` say why what ``file`` says now is not in force. ``reloads`` counts outcomes.
    """

    file: str
    hash: str
    since: str
    trial: str = ""
    share: float = 0.0
    former: str = ""
    problems: Sequence[str] = ()
    reloads: Mapping[str, int] = field(default_factory=dict)


class Policies(Protocol):
    """The policy of the workers. Called from several threads."""

    def state(self) -> PolicyState: ...

    def written(self) -> Mapping[str, object]:
        """The whole policy in force, all its files together, as JSON."""
        ...

    def reload(self) -> PolicyState:
        """Takes over what the file says now, in all workers; or lists what is wrong with it."""
        ...

    def roll_back(self) -> PolicyState:
        """Returns to the policy before, in all workers. Raises ``NoFormerPolicy``."""
        ...


def routes(policies: Policies) -> APIRouter:
    """``POST /policy/reload`` and ``POST /policy/rollback``."""
    router = APIRouter()

    @router.post("/policy/reload")
    def reload(origin: Annotated[str, Header()] = "") -> Response:
        if origin:
            return _from_a_page()
        state = policies.reload()
        return JSONResponse(told(state), 422 if state.problems else 200, headers=FRESH)

    @router.post("/policy/rollback")
    def roll_back(origin: Annotated[str, Header()] = "") -> Response:
        if origin:
            return _from_a_page()
        try:
            state = policies.roll_back()
        except NoFormerPolicy as error:
            body = {**told(policies.state()), "problems": [str(error)]}
            return JSONResponse(body, 409, headers=FRESH)
        return JSONResponse(told(state), 422 if state.problems else 200, headers=FRESH)

    return router


def told(state: PolicyState) -> dict[str, object]:
    """The state as the listener tells it."""
    told = asdict(state)
    del told["reloads"]
    return told


def _from_a_page() -> Response:
    """A browser on the operator's machine may be asked by any page to send a POST here."""
    problem = "a browser may not change the policy; use curl, or send SIGHUP"
    return JSONResponse({"problems": [problem]}, 403, headers=FRESH)


class PolicyMetrics(Collector):
    """What became of the policy's edits: only the supervisor knows."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        state = self._policies.state()
        reloads = CounterMetricFamily(
            "glassgate_policy_reloads", "Edits of the policy, by outcome.", labels=["outcome"]
        )
        for outcome, count in state.reloads.items():
            reloads.add_metric([outcome], count)
        yield reloads
        yield GaugeMetricFamily(
            "glassgate_policy_stale",
            "1 while what the policy file says is wrong, and so not in force.",
            float(bool(state.problems)),
        )
        yield GaugeMetricFamily(
            "glassgate_policy_trial_share",
            "Share of the requests that a policy on trial decides.",
            state.share,
        )
