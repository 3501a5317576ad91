"""Measures the shipped classifier on eval rows: ``python -m training.evaluate --data DIR``.

Every row goes through the check as it runs in the service, windows and calibration included, and
counts as refused if a label that the default policy refuses on reaches that policy's threshold:
its thresholds are read from the policy. Writes a table, per source and class, of
the share refused with its Wilson 95 % interval and of the area under the ROC curve.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from detectors.checks.classifier import FOLDER, Classifier
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import PHOTO_PRIVACY_LABELS
from training.data import read_rows
from training.intervals import auroc, wilson

POLICY: Final = Path(__file__).parents[1] / "policies" / "default.yaml"
USER: Final = ("injection", "jailbreak", "harm")
"""Labels on which the default policy refuses a user's words."""
BESIDE_A_PICTURE: Final = PHOTO_PRIVACY_LABELS
"""Labels on which it refuses them too where a picture is there."""
THIRD_PARTY: Final = ("embedded_instruction", "injection")
"""Labels on which it refuses third-party text."""

Thresholds = Mapping[str, float]

OFFENCES: Final = ("harmful", "jailbreak", "injection", "injection_in_context", "identity_or_pii")
"""Classes that ought to be refused; the classes that begin with ``benign`` ought not."""
NOT_REQUESTS: Final = ("toxic_text", "benign_text")
"""Texts to be judged, not requests: the area under the curve is told, no share is aimed at."""
IN_DOCUMENT: Final = "injection_in_context"
_HALF: Final = 0.5
_MARK: Final = "<!-- figures -->"


@dataclass(frozen=True, slots=True)
class Case:
    """One text to judge, what it is, and whether a picture stands beside it."""

    source: str
    kind: str
    text: str
    origin: Origin = Origin.USER
    picture: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a case is refused, and how strongly it scores: 0.5 at its nearest threshold."""

    case: Case
    refused: bool
    strength: float


def cases(data: Path, seed: int = 7) -> Iterator[Case]:
    """Every eval row that has a side, and the questions of the harmless pictures."""
    rows = list(read_rows(data / "text" / "eval.jsonl.gz"))
    documents = [row["text"] for row in rows if row["class"] == "benign_document"]
    rng = random.Random(seed)
    for row in rows:
        kind, source, text = row["class"], row["source"], row["text"]
        if kind == IN_DOCUMENT:
            lines = rng.choice(documents).split("\n")
            lines.insert(rng.randint(0, len(lines)), text)
            yield Case(source, kind, "\n".join(lines), Origin.THIRD_PARTY)
        elif kind == "benign_document":
            yield Case(source, kind, text, Origin.THIRD_PARTY)
        elif kind in OFFENCES or kind in NOT_REQUESTS or kind.startswith("benign"):
            picture = kind in {"benign_vqa", "identity_or_pii"}
            yield Case(source, kind, text, picture=picture)
    for row in read_rows(data / "images" / "manifest.jsonl"):
        for question in row["question"]:
            yield Case("questions of harmless pictures", "benign_vqa", question, picture=True)


def bounded(every: Iterable[Case], most: int | None) -> Iterator[Case]:
    """The first ``most`` cases of each source and class; all of them where it is None."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for case in every:
        seen[case.source, case.kind] += 1
        if most is None or seen[case.source, case.kind] <= most:
            yield case


def strength(findings: Sequence[Finding], limits: Mapping[str, float]) -> float:
    """The highest of the scores, each bent so that its own threshold comes to lie at 0.5."""
    best = 0.0
    for finding in findings:
        limit = limits.get(finding.label)
        if limit is not None:
            low = finding.score / (2 * limit)
            high = 0.5 + (finding.score - limit) / (2 * (1 - limit))
            best = max(best, low if finding.score < limit else high)
    return best


def limits_for(case: Case, thresholds: Thresholds) -> dict[str, float]:
    """The labels that may refuse a case, with their thresholds."""
    if case.origin is Origin.THIRD_PARTY:
        return {label: thresholds[label] for label in THIRD_PARTY}
    labels = (*USER, *BESIDE_A_PICTURE) if case.picture else USER
    return {label: thresholds[label] for label in labels}


def judge(classifier: Classifier, case: Case, thresholds: Thresholds) -> Verdict:
    """The verdict of the shipped check on one case."""
    part = TextPart(pointer="/messages/0/content", origin=case.origin, text=case.text)
    (findings,) = classifier.judge([part])
    value = strength(findings, limits_for(case, thresholds))
    return Verdict(case=case, refused=value >= _HALF, strength=value)


def read_thresholds(policy: Path) -> Thresholds:
    """The thresholds of a policy file, by label."""
    thresholds: Thresholds = yaml.safe_load(policy.read_text(encoding="utf-8"))["thresholds"]
    return thresholds


def report(verdicts: Sequence[Verdict]) -> list[str]:
    """A markdown table: a row for each source and class.

    The area under the curve is that of an offence against the harmless rows of its own source,
    or, where it has none, against all harmless requests of a user.
    """
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.case.source, verdict.case.kind].append(verdict)
    pooled = [v.strength for (_, kind), group in groups.items() if kind == "benign" for v in group]
    lines = [
        "| source | class | n | refused | 95 % | AUROC |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (source, kind), group in sorted(groups.items(), key=lambda item: (side(item[0][1]), item)):
        hits = sum(v.refused for v in group)
        low, high = wilson(hits, len(group))
        area = ""
        if side(kind) == "offence" or kind == "toxic_text":
            own = [
                v.strength
                for (other, kind), group in groups.items()
                if other == source and kind.startswith("benign")
                for v in group
            ]
            area = f"{auroc([v.strength for v in group], own or pooled):.3f}"
        lines.append(
            f"| {source} | {kind} | {len(group)} | {percent(hits / len(group))} "
            f"| {percent(low)} to {percent(high)} | {area} |"
        )
    return lines


def side(kind: str) -> str:
    """``offence``, ``harmless`` or ``text``, in the order in which the table lists them."""
    if kind in NOT_REQUESTS:
        return "text"
    return "offence" if kind in OFFENCES else "harmless"


def percent(share: float) -> str:
    """A share as the table prints it."""
    return f"{100 * share:.1f} %"


def write_into(card: Path, lines: Sequence[str]) -> None:
    """Puts the table between the marks of a card. Raises ValueError if they are not there."""
    parts = card.read_text(encoding="utf-8").split(_MARK)
    if len(parts) != 3:  # noqa: PLR2004
        raise ValueError(f"{card.name} must hold the mark {_MARK} twice: before and after figures")
    middle = "\n".join(lines)
    card.write_text(f"{parts[0]}{_MARK}\n{middle}\n{_MARK}{parts[2]}", encoding="utf-8")


def main() -> None:
    """Reads the command line, judges every case and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--policy", type=Path, default=POLICY)
    parser.add_argument("--card", type=Path, help="a page to write the table into")
    parser.add_argument("--most", type=int, help="rows of each source and class, for a quick look")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    thresholds = read_thresholds(arguments.policy)
    classifier = Classifier.load(arguments.model)
    chosen = list(bounded(cases(arguments.data), arguments.most))
    with ThreadPoolExecutor(arguments.threads) as pool:
        verdicts = list(pool.map(lambda case: judge(classifier, case, thresholds), chosen))
    lines = report(verdicts)
    print("\n".join(lines))
    if arguments.card:
        write_into(arguments.card, lines)


if __name__ == "__main__":
    main()
