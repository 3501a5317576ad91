from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks.memory import MOST_MB, SIDES, Curve, Point, body, main, missed
from detectors.contract.exchange import ImagePart
from service.providers import strict_json
from service.providers.openai_chat import OpenAIChat
from tests.pictures import opened


def test_pictures_differ_in_size_and_form() -> None:
    found = []
    for number in range(12):
        exchange = OpenAIChat().read(strict_json.parse(body(number)))
        (part,) = (part for part in exchange.parts() if isinstance(part, ImagePart))
        found.append(opened(part.data))
    assert len({one.size for one in found}) == 12
    assert {one.format for one in found} == {"PNG", "JPEG", "WEBP"}
    assert all(max(one.size) <= SIDES[1] for one in found)
    assert body(5) == body(5)
    assert len({json.loads(body(number))["model"] for number in range(12)}) > 1


@pytest.mark.parametrize(
    ("peak", "status", "said"),
    [
        (MOST_MB - 1, 200, []),
        (MOST_MB + 1, 200, ["the worker held 1201 MB: 1200 may be"]),
        (MOST_MB - 1, 503, ["not all were answered: {503: 1}"]),
    ],
)
def test_the_aim_is_the_peak_and_every_picture_counts(
    peak: float, status: int, said: list[str]
) -> None:
    curve = Curve([Point(1, 300.0, peak), Point(2, 300.0, 400.0)], Counter([200, status]))
    assert list(missed(curve)) == said


@pytest.mark.timeout(300)
def test_a_short_run_shows_the_curve(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--pictures", "6"])
    told = capsys.readouterr()
    rows = [row.strip("| ").split(" | ") for row in told.out.splitlines()[2:]]
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5, 6]
    peaks = [float(row[2]) for row in rows]
    assert peaks == sorted(peaks)
    assert 100 < peaks[-1] < MOST_MB
    assert (status, told.err) == (0, "")
