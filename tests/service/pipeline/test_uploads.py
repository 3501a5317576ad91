from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detectors.contract.exchange import CallRef, ImagePart, OpaquePart, Origin, TextPart
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Outcome, Run
from service.pipeline.uploads import Uploads, by
from service.policy.load import load
from service.policy.model import Action, Decision
from service.providers.fields import uploaded
from service.store.files import Files
from service.store.record import recorded
from tests.service.policy.exchanges import FACE, NOTE, PHOTO, exchange_of, found

NOW = by({"words": "1"})
MEANT = uploaded("file", "file-1", "/input/0/content/1", Origin.USER)
ASKED = TextPart(pointer="/input/0/content/0", origin=Origin.USER, text="who is this?")
SENT = exchange_of([ASKED, MEANT])
GAP = Gap(part=MEANT.key, kind="file", reason=MEANT.reason)
LOOKED = Run(part=PHOTO.key, detector="faces", outcome=Outcome.FOUND, ms=1)


def inspected(*findings: Finding, gaps: tuple[Gap, ...] = ()) -> Inspection:
    """A photo with a face and a note in it, as it was uploaded."""
    return Inspection(
        parts=(PHOTO, NOTE, FACE),
        findings=findings,
        runs=(LOOKED,),
        coverage=Coverage(seen=1, inspected=1 - len(gaps), gaps=gaps),
    )


def asked(*findings: Finding) -> Inspection:
    """The request that means it, as far as it can be inspected itself."""
    return Inspection(
        parts=(ASKED, MEANT),
        findings=findings,
        runs=(),
        coverage=Coverage(seen=2, inspected=1, gaps=(GAP,)),
    )


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(Files(tmp_path / "uploads"), NOW)


def remember(uploads: Uploads, inspection: Inspection, name: str = "file:file-1") -> None:
    forwarded = Decision(action=Action.FORWARD, policy="0123456789ab")
    uploads.remember(
        name, recorded(exchange_of([PHOTO]), inspection, forwarded, id="1" * 24, at=1.0)
    )


def test_a_file_that_nobody_uploaded_here_stays_a_gap(uploads: Uploads) -> None:
    remember(uploads, inspected(), "file:file-2")
    remember(uploads, inspected(), "batch:file-1")
    assert uploads.covered(asked()) == asked()


def test_a_file_that_other_detectors_inspected_stays_a_gap(uploads: Uploads) -> None:
    remember(Uploads(uploads.files, by({"words": "0"})), inspected())
    assert uploads.covered(asked()) == asked()


def test_what_was_found_in_a_file_stands_under_the_part_that_means_it(uploads: Uploads) -> None:
    remember(uploads, inspected(found(NOTE, "injection", 0.9, (6, 10))))
    got = uploads.covered(asked(found(ASKED, "identity", 0.8)))
    assert (got.coverage, str(got.coverage)) == (Coverage(seen=2, inspected=2), "2/2")
    assert [part.pointer for part in got.parts] == [ASKED.pointer, *[MEANT.pointer] * 4]
    photo, note, face = got.parts[2:]
    assert isinstance(photo, ImagePart)
    assert (photo.parent, photo.method) == (MEANT.key, "upload:0")
    assert [(part.parent, part.method) for part in (note, face)] == [
        (photo.key, "ocr"),
        (photo.key, "faces"),
    ]
    assert len({part.key for part in got.parts}) == len(got.parts)
    assert isinstance(note, TextPart)
    assert (note.text.strip(), len(note.text)) == ("", len(NOTE.text))
    assert [(each.part, each.label, each.score, each.span) for each in got.findings] == [
        (ASKED.key, "identity", 0.8, None),
        (note.key, "injection", 0.9, (6, 10)),
    ]
    assert [run.part for run in got.runs] == [photo.key]


def test_a_file_that_is_meant_twice_is_covered_twice(uploads: Uploads) -> None:
    remember(uploads, inspected(found(NOTE, "injection", 0.9)))
    again = replace(MEANT, pointer="/input/0/content/2")
    twice = replace(
        asked(),
        parts=(ASKED, MEANT, again),
        coverage=Coverage(seen=3, inspected=1, gaps=(GAP, replace(GAP, part=again.key))),
    )
    got = uploads.covered(twice)
    assert got.coverage == Coverage(seen=3, inspected=3)
    assert len({part.key for part in got.parts}) == len(got.parts) == 9
    assert len({each.part for each in got.findings}) == len(got.findings) == 2


def test_what_could_not_be_inspected_then_is_a_gap_now(uploads: Uploads) -> None:
    gap = Gap(part=PHOTO.key, kind="timed_out", reason="ocr: deadline")
    remember(uploads, inspected(gaps=(gap,)))
    got = uploads.covered(asked()).coverage
    assert got == Coverage(seen=2, inspected=1, gaps=(replace(gap, part=MEANT.key),))


def test_other_gaps_stay(uploads: Uploads) -> None:
    remember(uploads, inspected())
    heard = OpaquePart(pointer="/input/1", origin=Origin.USER, kind="audio", reason="not read")
    gap = Gap(part=heard.key, kind="audio", reason="not read")
    more = replace(
        asked(),
        parts=(ASKED, MEANT, heard),
        coverage=Coverage(seen=3, inspected=1, gaps=(GAP, gap)),
    )
    assert uploads.covered(more).coverage == Coverage(seen=3, inspected=2, gaps=(gap,))


RULES = {
    "the note in it": ("on: [third_party], when: injection > 0.5, action: refuse", Action.REFUSE),
    "how the note was read": ("on: [ocr], when: injection > 0.5, action: refuse", Action.REFUSE),
    "the photo and the question": ("when: images > 0 && identity > 0.5, action: refuse", "refuse"),
    "its faces": ("when: has_faces && faces_known, action: refuse", Action.REFUSE),
    "a gap": ("when: '!complete', action: refuse", Action.FORWARD),
    "another finding": ("when: harm > 0.1, action: refuse", Action.FORWARD),
    "the note, to be masked": (
        "on: [ocr], when: injection > 0.5, action: rewrite, edits: [{kind: mask_text}]",
        Action.REFUSE,
    ),
    "the photo, to be made smaller for the question": (
        "when: identity > 0.5, action: rewrite, edits: [{kind: downscale, longest: 99}]",
        Action.REFUSE,
    ),
    "an instruction beside it": (
        "when: images > 0, action: rewrite, edits: [{kind: instruct, text: t}]",
        Action.REWRITE,
    ),
}


@pytest.mark.parametrize(("rule", "action"), RULES.values(), ids=RULES)
def test_a_policy_decides_about_it_as_if_it_were_there(
    uploads: Uploads, tmp_path: Path, rule: str, action: Action
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\ndescription: a test\nrules:\n"
        f"  - {{id: one, description: d, stage: request, message: m, {rule}}}\n"
    )
    remember(uploads, inspected(found(NOTE, "injection", 0.9)))
    got = uploads.covered(asked(found(ASKED, "identity", 0.8)))
    assert load(path).decide(SENT, got).action == action


def test_a_file_that_a_tool_brought_by_its_id_names_the_call(uploads: Uploads) -> None:
    remember(uploads, inspected())
    call = CallRef(id="c1", name="look")
    brought = replace(asked(), parts=(ASKED, replace(MEANT, call=call)))
    assert [part.call for part in uploads.covered(brought).parts] == [None, *[call] * 4]
