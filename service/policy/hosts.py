"""Hosts that may be sent data: a link to one of them is no finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from detectors.checks.links import host
from detectors.contract.exchange import Part, TextPart
from detectors.contract.finding import Finding, Inspection
from detectors.contract.labels import DATA_EXFILTRATION


def without(inspection: Inspection, hosts: Sequence[str]) -> Inspection:
    """The inspection without links to these hosts; ``*.`` stands for all below one."""
    found = [each for each in inspection.findings if each.label == DATA_EXFILTRATION]
    if not hosts or not found:
        return inspection
    named, parts = frozenset(hosts), {part.key: part for part in inspection.parts}
    let = {id(each) for each in found if named & set(_names(_host(each, parts[each.part])))}
    left = tuple(each for each in inspection.findings if id(each) not in let)
    return replace(inspection, findings=left)


def _names(of: str) -> Iterator[str]:
    """What a host may be called: by its own name, or as one below another."""
    yield of
    while of := of.partition(".")[2]:
        yield f"*.{of}"


def _host(finding: Finding, part: Part) -> str:
    """The host of the link that was found; empty where its place is not known."""
    if finding.span is None or not isinstance(part, TextPart):
        return ""
    return host(part.text[slice(*finding.span)])
