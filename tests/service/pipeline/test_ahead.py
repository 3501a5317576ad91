"""What the last judgement of a streamed answer costs: only what was not scored while it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.cache import VerdictCache
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.pipeline.examine import Examiner
from service.policy.load import load
from tests.detectors.checks.counting import Counted
from tests.service.pipeline.test_stream import DONE, Line, event, play

WINDOW = 200
SAYS = [f"On day {day:03} the boats stayed close to the harbour. " for day in range(80)]
LAST = 3
"""Windows that may be left for the end: those of 600 characters."""


def examiner(folder: Path, classifier: Counted, cache: int) -> Examiner:
    path = folder / "policy.yaml"
    path.write_text(
        f"""
version: 1
description: a test
streaming: {{mode: hold, window: {WINDOW}, wait_s: 60}}
rules:
  - {{id: harm, description: d, stage: response, on: [model], when: harm > 0.7, action: refuse,
      message: not this answer}}
"""
    )
    return Examiner(
        inspector=Inspector([], [classifier], VerdictCache(cache)),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=60,
    )


@pytest.mark.parametrize("remembers", [True, False])
def test_at_the_end_of_a_stream_few_windows_are_left(tmp_path: Path, remembers: bool) -> None:
    classifier = Counted.load()
    before_end: list[int] = []

    async def script(line: Line) -> None:
        await line.send(*map(event, SAYS))
        # Then less than a step was not judged: nothing is judged until the answer ends.
        await line.until(SAYS[-4].encode())
        before_end.append(len(classifier.windows))
        await line.send(event({}, reason="stop"), DONE)

    played = play(examiner(tmp_path, classifier, 99 if remembers else 0), script)
    assert played.said() == "".join(SAYS)
    at_end = len(classifier.windows) - before_end[0]
    assert at_end <= LAST if remembers else at_end > 2 * LAST
