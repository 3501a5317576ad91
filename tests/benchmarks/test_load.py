"""The load generator and the servers that it is pointed at, as real processes."""

import asyncio
import json
import socket
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import pytest

from benchmarks import servers
from benchmarks.load import LoadError, Slice, drive, message
from benchmarks.requests import LOADS, STREAM
from benchmarks.servers import CHAT
from benchmarks.upstream import UNINSPECTED, WORD_S

ASKED = message(CHAT, LOADS[0].body(0))


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.upstream(tmp_path_factory.mktemp("upstream")) as port:
        yield port


def driven(
    port: int, messages: Iterator[bytes], *, users: int = 1, seconds: float = 0.0, least: int = 0
) -> Slice:
    return asyncio.run(drive(port, messages, users=users, seconds=seconds, least=least))


def test_a_second_of_load(upstream: int) -> None:
    measured = driven(upstream, cycle([ASKED]), users=3, seconds=1)
    assert 1 <= measured.seconds < 5
    assert len(measured.timings) > 50
    assert all(0 < timing.first <= timing.last < 1 for timing in measured.timings)
    assert not any(timing.refused for timing in measured.timings)


def test_it_goes_on_until_enough_were_answered(upstream: int) -> None:
    assert len(driven(upstream, cycle([ASKED]), least=12).timings) == 12


def test_it_ends_when_no_request_is_left(upstream: int) -> None:
    measured = driven(upstream, iter([ASKED] * 5), users=2, seconds=60)
    assert len(measured.timings) == 5
    assert measured.seconds < 30


def test_a_stream_comes_word_by_word(upstream: int) -> None:
    (timing,) = driven(upstream, iter([message(CHAT, STREAM.body(0))]), seconds=1).timings
    assert timing.last - timing.first > 30 * WORD_S


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (message("/nothing/here", b"{}"), "status 404"),
        (message(CHAT, b"{"), "status 500"),
    ],
)
def test_another_status_than_200_ends_the_measurement(
    upstream: int, sent: bytes, said: str
) -> None:
    with pytest.raises(LoadError, match=said):
        driven(upstream, iter([sent]), seconds=1)


def test_nobody_there_is_said() -> None:
    with pytest.raises(LoadError, match="port"):
        driven(servers.free_port(), iter([ASKED]), seconds=1)


def test_a_connection_that_breaks_off_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(LoadError, match="closed before the answer was whole"):
            driven(listener.getsockname()[1], iter([ASKED]), seconds=1)
        thread.join()


def test_one_glassgate_guards_one_address_and_passes_the_other(
    upstream: int, tmp_path: Path
) -> None:
    def asked(port: int, path: str) -> tuple[dict[str, str], object]:
        url = f"http://127.0.0.1:{port}{path}"
        request = Request(url, LOADS[0].body(0), {"content-type": "application/json"})
        with urlopen(request) as answer:
            return dict(answer.headers), json.loads(answer.read())["choices"]

    with servers.glassgate(tmp_path, upstream) as port:
        guarded, said = asked(port, CHAT)
        passed, said_too = asked(port, UNINSPECTED + CHAT)
    assert guarded["x-glassgate-coverage"] == "2/2"
    assert not [name for name in passed if name.startswith("x-glassgate")]
    assert said == said_too == asked(upstream, CHAT)[1]


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no configuration; exit 3\n", encoding="ascii")
    program.chmod(0o755)
    with (
        pytest.raises(servers.ServerError, match="litellm did not come up: no configuration"),
        servers.litellm(tmp_path, 1, program),
    ):
        pass
