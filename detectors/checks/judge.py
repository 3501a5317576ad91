"""A judge behind an OpenAI-compatible URL: any guard model, or any model with a prompt.

The calls of all threads share one pool of connections, on an event loop of the judge's own:
only there can a call be broken off at its deadline, whatever the server does meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import httpx

from detectors.checks import verdict
from detectors.checks.breaker import Breaker, Unavailable
from detectors.checks.label_map import LabelMap, Span, findings
from detectors.checks.verdict import AnswerForm
from detectors.contract.detector import DetectorError, SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding

PLACES: Final = ("text", "mark", "policy")
"""What a prompt may hold in braces: the text, a word that the text cannot hold, the policy."""
OF_THE_TEXT: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses that a text can bring about, by its length for one: no fault of the server."""
PROBE: Final = "How many minutes should I boil an egg?"
LIKELY: Final = 0.5

_PLACE: Final = re.compile("|".join(rf"\{{{place}\}}" for place in PLACES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of the prompt; ``content`` may hold ``{text}``, ``{mark}`` and ``{policy}``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy that a judge is asked about on its own, and the labels that a breach of it has."""

    labels: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSetup:
    """Where the judge is, what it is asked and how it answers.

    ``url`` is the base to which ``/chat/completions`` is added. ``request`` holds further fields
    of each request; places in its texts are filled as those of the prompt are. ``deadline_s`` is
    for one call. A text of over ``piece`` characters is judged in pieces that overlap by a tenth,
    at most ``most_pieces``. The breaker opens after ``failures`` in a row, for ``rest_s`` seconds.
    """

    name: str
    url: str
    model: str
    prompt: tuple[Said, ...]
    answer: AnswerForm
    categories: LabelMap
    origins: frozenset[Origin]
    policies: tuple[Rule, ...] = ()
    request: Mapping[str, object] = field(default_factory=dict)
    deadline_s: float = 5.0
    concurrency: int = 8
    answer_limit: int = 65_536
    failures: int = 5
    rest_s: float = 30.0
    piece: int = 8_000
    most_pieces: int = 16
    probe: bool = True
    key: str | None = field(default=None, repr=False)


class Judge:
    """A ``Check`` by a model that is asked over HTTP. Thread-safe.

    It remembers nothing of what it judged; whether its server fails is all that it keeps.
    """

    def __init__(self, setup: JudgeSetup, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = setup.name
        self.version = _version(setup)
        self._setup = setup
        self._breaker = Breaker(setup.failures, setup.rest_s, clock)
        self._places = asyncio.Semaphore(setup.concurrency)
        self._client = httpx.AsyncClient(
            timeout=setup.deadline_s,
            limits=httpx.Limits(max_connections=setup.concurrency),
            headers=_headers(setup),
            verify=_authorities(),
            follow_redirects=False,
            trust_env=False,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name=setup.name)
        self._thread.start()

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """Findings of each text; a text of an origin that is not judged has none.

        Raises:
            DetectorError: there is no verdict on one of the texts. Never counts as clean.
        """
        asked = [
            (number, span, rule)
            for number, text in enumerate(texts)
            for span in self._spans(text)
            for rule in self._setup.policies or (None,)
        ]
        questions = [
            self._question(texts[number].text[slice(*span)], rule) for number, span, rule in asked
        ]
        answers = asyncio.run_coroutine_threadsafe(self._ask_all(questions), self._loop).result()
        judged: list[list[tuple[Mapping[str, float], Span | None]]] = [[] for _ in texts]
        for (number, span, rule), said in zip(asked, answers, strict=True):
            whole = span == (0, len(texts[number].text))
            judged[number].append((self._ours(said, rule), None if whole else span))
        return [findings(text, self.name, each) for text, each in zip(texts, judged, strict=True)]

    def self_check(self) -> None:
        """Asks about a harmless text, unless the operator wants no probe."""
        if not self._setup.probe:
            return
        part = TextPart(pointer="", origin=min(self._setup.origins), text=PROBE)
        try:
            (found,) = self.judge([part])
        except DetectorError as error:
            raise SelfCheckError(
                f"check {self.name} gives no verdict ({error}): see that the server at its `url` "
                "runs and answers in the form of `answer`; `probe: false` starts without asking"
            ) from error
        if wrong := [each.label for each in found if each.score >= LIKELY]:
            raise SelfCheckError(
                f"check {self.name} finds {', '.join(wrong)} in a harmless text: see whether its "
                "`prompt`, `categories` and `model` belong together"
            )

    def close(self) -> None:
        """Closes the connections and ends the loop."""
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _spans(self, text: TextPart) -> list[Span]:
        """The pieces to judge, as (start, end): all of the text, and none of a blank one."""
        size, most = self._setup.piece, self._setup.most_pieces
        if text.origin not in self._setup.origins or not text.text.strip():
            return []
        length = len(text.text)
        overlap = size // 10
        starts = range(0, max(1, length - overlap), size - overlap)
        if len(starts) > most:
            raise DetectorError(f"text too long to judge: {len(starts)} pieces, at most {most}")
        return [(start, min(start + size, length)) for start in starts]

    def _question(self, text: str, rule: Rule | None) -> bytes:
        """The body of a request. Nothing that the text holds is taken for a place in the prompt."""
        readable = text.encode(errors="replace").decode()
        words = {
            "{text}": readable,
            "{mark}": hashlib.sha256(readable.encode()).hexdigest()[:16],
            "{policy}": rule.text if rule else "",
        }
        asked = {"temperature": 0, "max_tokens": 512, **self._setup.request}
        asked = {name: value for name, value in asked.items() if value is not None}
        messages = [asdict(message) for message in self._setup.prompt]
        filled = _filled({**asked, "messages": messages}, words)
        return json.dumps({**filled, "model": self._setup.model, "stream": False}).encode()

    def _ours(self, said: str, rule: Rule | None) -> dict[str, float]:
        categories = LabelMap({verdict.VIOLATES: rule.labels}) if rule else self._setup.categories
        return categories.ours(verdict.read(said, self._setup.answer, categories.targets))

    async def _ask_all(self, questions: Sequence[bytes]) -> list[str]:
        """What the judge says to each. The first that fails ends the others, and is raised."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask(question)) for question in questions]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _ask(self, question: bytes) -> str:
        async with self._places:
            with self._breaker.calling():
                try:
                    async with asyncio.timeout(self._setup.deadline_s):
                        body = await self._post(question)
                except (TimeoutError, httpx.TimeoutException):
                    raise Unavailable(f"no answer in {self._setup.deadline_s:g} s") from None
                except httpx.HTTPError as error:
                    raise Unavailable(f"cannot be asked ({type(error).__name__})") from None
                return verdict.content(body, self._setup.answer)

    async def _post(self, question: bytes) -> bytes:
        target = f"{self._setup.url}/chat/completions"
        async with self._client.stream("POST", target, content=question) as response:
            if response.status_code in OF_THE_TEXT:
                raise DetectorError(f"the judge refused the request ({response.status_code})")
            if response.status_code != HTTPStatus.OK:
                raise Unavailable(f"it answered {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unavailable("its answer is compressed, which it was asked not to do")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._setup.answer_limit:
                    most = self._setup.answer_limit
                    raise DetectorError(f"the judge's answer has more than {most} bytes")
            return bytes(body)


def _filled(value: Any, words: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """The value with each place in its texts filled, in one pass."""
    if isinstance(value, str):
        return _PLACE.sub(lambda place: words[place[0]], value)
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, words) for name, each in value.items()}
    return value


def _headers(setup: JudgeSetup) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    return headers | ({"authorization": f"Bearer {setup.key}"} if setup.key else {})


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed, read once: those of ``SSL_CERT_FILE`` where it is set."""
    return httpx.create_ssl_context()


def _version(setup: JudgeSetup) -> str:
    """The model's name, and a hash of all that a verdict depends on; the key is no part of it."""
    counting = {
        "asked": [setup.url, setup.model, [asdict(said) for said in setup.prompt], setup.request],
        "read": [setup.answer, setup.categories.targets, [asdict(rule) for rule in setup.policies]],
        "cut": [sorted(setup.origins), setup.piece, setup.most_pieces],
    }
    digest = hashlib.sha256(json.dumps(counting, sort_keys=True).encode()).hexdigest()
    return f"{setup.model}@{digest[:12]}"
