"""A real PostgreSQL goes away under load and comes back: what requests and records come to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.store.reader import read
from tests.e2e.gate import Gate, running, until
from tests.e2e.messages import asked
from tests.e2e.upstream import Upstream
from tests.postgresql import Server, postgresql

pytestmark = pytest.mark.timeout(300)

CLIENTS = 4
PAUSE_S = 0.05
"""Between the questions of a client, so that the gate has room to do something else."""
QUEUE = 200
"""Records that may wait: more than come in the moment before the first batch is written."""
WAIT_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as made:
        yield made


class Load:
    """Clients that ask without end, and what they were answered, in order."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.replies: list[httpx.Response] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        clients = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._over.set()
            for client in clients:
                client.join(WAIT_S)

    def more(self, status: int, count: int = 20) -> None:
        """Waits for so many more answers with this status."""
        before = self.count(status)
        until(lambda: self.count(status) >= before + count, WAIT_S, f"{count} more {status}")

    def count(self, status: int) -> int:
        return sum(reply.status_code == status for reply in list(self.replies))

    def _ask(self) -> None:
        body = {"model": "m", "messages": asked("What is the capital of France?")}
        with httpx.Client(base_url=self._url, timeout=WAIT_S) as client:
            while not self._over.wait(PAUSE_S):
                self.replies.append(client.post("/v1/chat/completions", json=body))


def dropped(gate: Gate) -> int:
    return int(gate.counted("glassgate_audit_dropped_total"))


@pytest.mark.parametrize("full", ["drop", "refuse"])
def test_a_database_that_goes_away_under_load(
    server: Server, model_url: str, upstream: Upstream, tmp_path: Path, full: str
) -> None:
    url = server.fresh()
    settings = {"audit": url, "audit_full": full, "audit_queue": str(QUEUE)}
    with running(tmp_path / "gate", "--upstream", f"{model_url}/v1", **settings) as gate:
        load = Load(gate.url)
        with load.going_on():
            load.more(200)
            assert dropped(gate) == 0
            server.stop()
            if full == "drop":
                until(lambda: dropped(gate) > 0, WAIT_S, "no record was dropped")
                load.more(200)
            else:
                load.more(503)
            assert gate.log.count("audit records are not written") >= 1
            server.start()
            until(lambda: "audit records are written again" in gate.log, WAIT_S, "not written")
            load.more(200)
        lost = dropped(gate)
    answered = {r.headers["x-glassgate-id"] for r in load.replies if r.status_code == 200}
    refused = [reply for reply in load.replies if reply.status_code != 200]
    kept = {(each.id, each.stage) for each in read(url)}
    # Each call has a record of its request and one of its answer: those are kept, or counted.
    assert {call for call, _ in kept} <= answered
    assert len(kept) + lost == 2 * len(answered)
    assert len(upstream.received) == len(answered)
    if full == "drop":
        assert refused == []
        assert lost > 0
    else:
        assert {(r.status_code, r.json()["error"]["code"]) for r in refused} == {
            (503, "overloaded")
        }
        assert all(reply.headers["retry-after"] == "1" for reply in refused)
        assert lost <= 2 * CLIENTS  # of the calls that were under way when the queue was full
