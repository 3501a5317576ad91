from dataclasses import replace

import pytest

from detectors.contract.finding import Finding
from service.policy.engine import REFUSED
from service.policy.model import Action, Edit, EditKind
from tests.service.policy.exchanges import (
    DROP,
    FAINT,
    INSTRUCT,
    MASK,
    NOTE,
    PHOTO,
    PLAIN,
    QUESTION,
    Written,
    decide,
    found,
    rule,
)

MASKED = [
    # findings, the edit expected
    (
        [found(NOTE, "injection", 0.9, (6, 10))],
        Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=((6, 10),)),
    ),
    ([found(NOTE, "injection", 0.9)], Edit(kind=EditKind.MASK_TEXT, part=NOTE.key)),
    (
        [found(NOTE, "injection", 0.9, (6, 10)), found(NOTE, "injection", 0.1, (0, 5))],
        Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=((6, 10),)),
    ),
    (
        [found(NOTE, "injection", 0.9, (6, 10)), found(NOTE, "hate", 0.9, (0, 5))],
        Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=((6, 10),)),
    ),
    ([found(PLAIN, "injection", 0.9, (0, 4))], Edit(kind=EditKind.MASK_TEXT, part=NOTE.key)),
    (
        [found(FAINT, "injection", 0.9, (0, 5))],
        Edit(kind=EditKind.MASK_TEXT, part=FAINT.key, spans=((0, 5),)),
    ),
]


@pytest.mark.parametrize(("findings", "edit"), MASKED)
def test_mask_text_names_the_offending_lines(
    written: Written, findings: list[Finding], edit: Edit
) -> None:
    decision = decide(written("rules:\n" + rule("one", "injection > 0.5", MASK)), findings)
    assert (decision.action, decision.edits) == (Action.REWRITE, (edit,))


def test_mask_text_of_two_labels_at_once_covers_both(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "injection > 0.5 && hate > 0.5", MASK))
    findings = [found(NOTE, "injection", 0.9, (6, 10)), found(NOTE, "hate", 0.9, (0, 5))]
    assert decide(policy, findings).edits == (
        Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=((0, 5), (6, 10))),
    )


def test_masks_of_one_text_are_merged(written: Written) -> None:
    text = "rules:\n" + rule("a", "injection > 0.5", MASK) + rule("b", "hate > 0.5", MASK)
    spans = [found(NOTE, "injection", 0.9, (6, 10)), found(NOTE, "hate", 0.9, (0, 5))]
    merged = Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=((0, 5), (6, 10)))
    assert decide(written(text), spans).edits == (merged,)
    whole = [found(NOTE, "injection", 0.9, (6, 10)), found(NOTE, "hate", 0.9)]
    assert decide(written(text), whole).edits == (Edit(kind=EditKind.MASK_TEXT, part=NOTE.key),)


def test_a_dropped_picture_is_dropped_once_and_not_masked(written: Written) -> None:
    text = "rules:\n" + rule("a", "harm > 0.5", MASK) + rule("b", "harm > 0.5", DROP)
    findings = [found(NOTE, "harm", 0.9), found(PLAIN, "harm", 0.9)]
    decision = decide(written(text), findings)
    assert decision.edits == (Edit(kind=EditKind.DROP_IMAGE, part=PHOTO.key),)


def test_instruct_is_said_once(written: Written) -> None:
    text = "rules:\n" + rule("a", "harm > 0.5", "on: [ocr, user], " + INSTRUCT)
    decision = decide(written(text), [found(NOTE, "harm", 0.9), found(QUESTION, "harm", 0.9)])
    assert decision.edits == (Edit(kind=EditKind.INSTRUCT, text="Be kind."),)


@pytest.mark.parametrize(("edits", "message"), [(MASK, "It stays."), (DROP, REFUSED)])
def test_an_edit_that_cannot_be_made_refuses(written: Written, edits: str, message: str) -> None:
    page = replace(PHOTO, parent="/document", method="pdf:page")
    note = replace(NOTE, parent=page.key)
    policy = written("rules:\n" + rule("one", "harm > 0.5", edits))
    decision = decide(policy, [found(note, "harm", 0.9)], parts=[QUESTION, page, note])
    assert (decision.action, decision.message) == (Action.REFUSE, message)
    assert decision.edits == ()
