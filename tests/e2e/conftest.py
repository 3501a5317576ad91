from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.e2e.gate import Gate, running
from tests.e2e.serving import serving
from tests.e2e.upstream import Upstream


@pytest.fixture(scope="session")
def _model() -> Iterator[tuple[Upstream, str]]:
    upstream = Upstream()
    with serving(upstream) as url:
        yield upstream, url


@pytest.fixture(scope="session")
def model_url(_model: tuple[Upstream, str]) -> str:
    return _model[1]


@pytest.fixture
def upstream(_model: tuple[Upstream, str]) -> Upstream:
    """The model's server, with nothing received yet."""
    _model[0].received.clear()
    return _model[0]


@pytest.fixture(scope="session")
def gate(model_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate with one worker and the default policy. No call may have met an error of its own."""
    with running(tmp_path_factory.mktemp("gate"), "--upstream", f"{model_url}/v1") as gate:
        yield gate
        assert '"level": "error"' not in gate.log


@pytest.fixture(scope="session")
def client(gate: Gate) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gate.url}/v1", api_key="sk-e2e", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def direct(model_url: str) -> Iterator[OpenAI]:
    """A client of the model without the gate."""
    with OpenAI(base_url=f"{model_url}/v1", api_key="sk-e2e", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def patient(gate: Gate) -> Iterator[OpenAI]:
    """A client of the gate that tries again as the SDK does by default."""
    with OpenAI(base_url=f"{gate.url}/v1", api_key="sk-e2e") as client:
        yield client
