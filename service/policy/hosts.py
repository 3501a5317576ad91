"""Hosts that may be sent data: a link to one of them is no finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from detectors.checks.links import host
from detectors.contract.exchange import Part, TextPart
from detectors.contract.finding import Finding, Inspection
from detectors.contract.labels import DATA_EXFILTRATION
from service.policy.fields import globbed


def without(inspection: Inspection, hosts: Sequence[str]) -> Inspection:
    """The inspection without links to hosts that one of these patterns names."""
    found = [each for each in inspection.findings if each.label == DATA_EXFILTRATION]
    if not hosts or not found:
        return inspection
    named, parts = globbed(hosts), {part.key: part for part in inspection.parts}
    let = {id(each) for each in found if named.fullmatch(_host(each, parts[each.part]))}
    left = tuple(each for each in inspection.findings if id(each) not in let)
    return replace(inspection, findings=left)


def _host(finding: Finding, part: Part) -> str:
    """The host of the link that was found; empty where its place is not known."""
    if finding.span is None or not isinstance(part, TextPart):
        return ""
    return host(part.text[slice(*finding.span)])
