"""The allow-list: which scores of an inspection do not count, because a person looked and said so.

Pure. An entry never lets a whole text pass for a phrase in it: what stands around the phrase is
judged alone (``service.pipeline.allow``), and that score counts instead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from detectors.contract.exchange import DocumentPart, ImagePart, Part, TextPart
from detectors.contract.finding import Inspection
from detectors.views.join import JOINED
from service.policy.fields import SHORTEST_PHRASE, globbed
from service.policy.model import Allow, Allowed, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an entry may let pass: a label's score in a text, of which ``left`` is to be judged.

    ``left`` is empty where nothing remains of the text without what is allowed.
    """

    entry: str
    part: TextPart
    label: str
    left: str


def in_force(entries: Iterable[Allow], tenant: str, today: date) -> tuple[Allow, ...]:
    """The entries that have not expired and are for this tenant."""
    return tuple(
        entry
        for entry in entries
        if today <= entry.expires
        and (entry.tenants is None or globbed(entry.tenants).fullmatch(tenant))
    )


def expired(entries: Iterable[Allow], today: date) -> tuple[Allow, ...]:
    """The entries that do nothing any more."""
    return tuple(entry for entry in entries if entry.expires < today)


def claims(entries: Sequence[Allow], inspection: Inspection, decision: Decision) -> list[Claim]:
    """What the entries may let pass of the labels for which rules of the decision matched."""
    blamed = {reason.label for reason in decision.reasons}
    parts = {part.key: part for part in inspection.parts}
    scored = dict.fromkeys((one.part, one.label) for one in inspection.findings)
    found = list[Claim]()
    for entry in entries:
        known = {part.key for part in inspection.parts if _known(part, entry)}
        within = {key for key in parts if _chain(parts, key) & known}
        phrases = [*entry.phrases, *_texts(parts, within)]
        for key, label in scored:
            part = parts[key]
            if isinstance(part, TextPart) and label in blamed and label in entry.labels:
                left = "" if key in within else without(part.text, phrases)
                if left != part.text:
                    found.append(Claim(entry=entry.id, part=part, label=label, left=left))
    return found


def lowered(inspection: Inspection, allowed: Sequence[Allowed]) -> Inspection:
    """The inspection with the scores that are left where something is allowed."""
    if not allowed:
        return inspection
    left: dict[tuple[str, str], float] = {}
    for each in allowed:
        place = each.part, each.label
        left[place] = min(each.score, left.get(place, each.score))
    findings = (
        replace(one, score=min(one.score, left.get((one.part, one.label), one.score)))
        for one in inspection.findings
    )
    return replace(inspection, findings=tuple(findings))


def used(before: Decision, after: Decision, allowed: Iterable[Allowed]) -> tuple[Allowed, ...]:
    """Of what was allowed, that for which a rule matched before and does not any more."""
    gone = {*before.rules, *before.shadow} - {*after.rules, *after.shadow}
    labels = {reason.label for reason in before.reasons if reason.rule in gone}
    return tuple(each for each in allowed if each.label in labels)


def without(text: str, phrases: Iterable[str]) -> str:
    """The text without the phrases; empty if no letter and no digit is left of it.

    Case and the width of gaps do not matter; a phrase counts as whole words only.
    """
    left = text
    for phrase in phrases:
        if phrase.strip():
            left = _pattern(phrase).sub(" ", left)
    return left if any(map(str.isalnum, left)) else ""


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    said = r"\s+".join(map(re.escape, phrase.split()))
    return re.compile(rf"(?<![a-z0-9]){said}(?![a-z0-9])", re.IGNORECASE)


def _known(part: Part, entry: Allow) -> bool:
    """Whether the entry names this very content: a text in UTF-8, or a file as it came."""
    match part:
        case TextPart():
            content = part.text.encode(errors="surrogatepass")
        case ImagePart():
            content = part.original if part.original is not None else part.data
        case DocumentPart():
            content = part.data
        case _:
            return False
    return hashlib.sha256(content).hexdigest() in entry.sha256


def _chain(parts: Mapping[str, Part], key: str) -> set[str]:
    """The part and those that it derives from; a joined text derives from several, so from none."""
    passed: set[str] = set()
    each: str | None = key
    while each is not None and each in parts and each not in passed:
        passed.add(each)
        part = parts[each]
        each = None if (part.method or "").split(":")[0] == JOINED else part.parent
    return passed


def _texts(parts: Mapping[str, Part], keys: Iterable[str]) -> Iterator[str]:
    """What the known parts say, which may stand again in a text that joins several parts.

    What is shorter than a phrase may be does not count: it stands in many a text.
    """
    for key in keys:
        if isinstance(part := parts[key], TextPart) and len(part.text) >= SHORTEST_PHRASE:
            yield part.text
