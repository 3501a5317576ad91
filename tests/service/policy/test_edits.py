from dataclasses import replace

import pytest

from detectors.contract.exchange import Origin, Part, Stage, TextPart, ToolCallPart
from detectors.contract.finding import Finding, Outcome, Run
from service.policy.edits import Edit, EditKind
from service.policy.engine import REFUSED
from service.policy.model import Action
from tests.service.policy.exchanges import (
    BLUR,
    DROP,
    FACE,
    FAINT,
    INSTRUCT,
    MASK,
    NOTE,
    PAINTING,
    PHOTO,
    PLAIN,
    PORTRAIT,
    QUESTION,
    SHRINK,
    WARN,
    Written,
    decide,
    exchange_of,
    found,
    inspection_of,
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


SHOWN: list[Part] = [QUESTION, PHOTO, NOTE, FACE, PAINTING, PORTRAIT]
PICTURED = [
    # where the rule looks, what holds there, the keys of what is edited
    ("on: [user], ", found(QUESTION, "harm", 0.9), [PHOTO, PAINTING]),
    ("", found(QUESTION, "harm", 0.9), [PHOTO, PAINTING]),
    ("on: [ocr], ", found(NOTE, "harm", 0.9), [PHOTO]),
    ("on: [third_party], ", found(PORTRAIT, "harm", 0.9), [PAINTING]),
    ("on: [user], ", found(PAINTING, "harm", 0.9), [PAINTING]),
]


@pytest.mark.parametrize(("on", "finding", "pictures"), PICTURED)
def test_faces_are_blurred_and_pictures_made_smaller_where_the_rule_held_or_everywhere(
    written: Written, on: str, finding: Finding, pictures: list[Part]
) -> None:
    text = "rules:\n" + rule("a", "harm > 0.5", on + BLUR) + rule("b", "harm > 0.5", on + SHRINK)
    decision = decide(written(text), [finding], parts=SHOWN)
    assert decision.action is Action.REWRITE
    assert list(decision.edits) == [
        *(Edit(kind=EditKind.BLUR_FACES, part=f"{each.key}#faces") for each in pictures),
        *(Edit(kind=EditKind.DOWNSCALE, part=each.key, longest=512) for each in pictures),
    ]


def test_where_no_face_is_shown_there_is_none_to_blur(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "harm > 0.5", BLUR))
    decision = decide(policy, [found(QUESTION, "harm", 0.9)])
    assert (decision.action, decision.edits) == (Action.REWRITE, ())


def test_a_rule_may_be_for_pictures_that_show_faces(written: Written) -> None:
    faces = "on: [faces], action: rewrite, edits: [{kind: drop_image}]"
    decision = decide(written("rules:\n" + rule("one", "has_faces", faces)), parts=SHOWN)
    assert [(edit.kind, edit.part) for edit in decision.edits] == [
        (EditKind.DROP_IMAGE, PHOTO.key),
        (EditKind.DROP_IMAGE, PAINTING.key),
    ]


def test_a_dropped_picture_is_edited_in_no_other_way(written: Written) -> None:
    ways = [DROP, WARN, f"on: [ocr], {BLUR}", f"on: [ocr], {SHRINK}"]
    text = "rules:\n" + "".join(rule(f"r{n}", "harm > 0.5", way) for n, way in enumerate(ways))
    decision = decide(written(text), [found(NOTE, "harm", 0.9)], parts=SHOWN)
    assert decision.edits == (Edit(kind=EditKind.DROP_IMAGE, part=PHOTO.key),)


def test_annotate_names_the_offending_lines(written: Written) -> None:
    policy = written("rules:\n" + rule("a", "harm > 0.5", WARN) + rule("b", "harm > 0.5", MASK))
    spans = ((6, 10),)
    assert decide(policy, [found(NOTE, "harm", 0.9, (6, 10))]).edits == (
        Edit(kind=EditKind.ANNOTATE, part=NOTE.key, spans=spans),
        Edit(kind=EditKind.MASK_TEXT, part=NOTE.key, spans=spans),
    )


@pytest.mark.parametrize("edits", [BLUR, SHRINK])
@pytest.mark.parametrize("on", ["on: [faces], ", "on: [user, faces], "])
def test_a_picture_of_a_document_cannot_be_edited(written: Written, on: str, edits: str) -> None:
    page = replace(PHOTO, pointer="/5", parent="/5", method="pdf:page:1")
    face = replace(FACE, pointer="/5", parent=page.key)
    policy = written("rules:\n" + rule("one", "has_faces", on + edits))
    assert decide(policy, parts=[QUESTION, page, face]).action is Action.REFUSE


@pytest.mark.parametrize(
    ("on", "refused"), [("", True), ("on: [user], ", True), ("on: [ocr], ", False)]
)
def test_where_looking_for_faces_failed_there_is_no_blurring(
    written: Written, on: str, refused: bool
) -> None:
    policy = written("rules:\n" + rule("one", "harm > 0.5", on + BLUR))
    findings = [found(QUESTION, "harm", 0.9), found(NOTE, "harm", 0.9)]
    run = Run(part=PAINTING.key, detector="faces", outcome=Outcome.TIMED_OUT, ms=0.0)
    decision = policy.decide(exchange_of(SHOWN), inspection_of(findings, parts=SHOWN, runs=[run]))
    assert (decision.action is Action.REFUSE) is refused


ANSWER = TextPart(pointer="/7", origin=Origin.MODEL, text="see https://x.test/?d=1 and more")
OTHER = TextPart(pointer="/8", origin=Origin.MODEL, text="another choice")
DECODED = TextPart(
    pointer="/7", origin=Origin.MODEL, parent="/7", method="base64", text="https://x.test/?d=1"
)
CALL = ToolCallPart(pointer="/9", origin=Origin.MODEL, name="f", arguments="{}")
CALLED = replace(DECODED, pointer="/9", parent="/9", method="tool_call")
URL = (4, 23)
REWORDED = [
    # the edit, where it was found, the edits that follow; none of them refuses
    ("redact", found(ANSWER, "harm", 0.9, URL), [(ANSWER, (URL,), "")]),
    ("redact", found(ANSWER, "harm", 0.9), [(ANSWER, (), "")]),
    ("truncate", found(ANSWER, "harm", 0.9, URL), [(ANSWER, (URL,), "")]),
    ("strip_links", found(ANSWER, "harm", 0.9, URL), [(ANSWER, (URL,), "")]),
    ("strip_links", found(ANSWER, "harm", 0.9), None),
    ("replace, text: no", found(ANSWER, "harm", 0.9, URL), [(ANSWER, (), "no")]),
    ("redact", found(DECODED, "harm", 0.9, (0, 4)), []),
    ("replace, text: no", found(DECODED, "harm", 0.9), [(ANSWER, (), "no")]),
    ("redact", found(CALLED, "harm", 0.9), None),
]


@pytest.mark.parametrize(("edit", "finding", "expected"), REWORDED)
def test_the_words_of_an_answer_are_edited_where_they_offend(
    written: Written,
    edit: str,
    finding: Finding,
    expected: list[tuple[Part, tuple[tuple[int, int], ...], str]] | None,
) -> None:
    rest = f"on: [model], action: rewrite, edits: [{{kind: {edit}}}], message: It stays."
    policy = written("rules:\n" + rule("one", "harm > 0.5", rest, "response"))
    parts: list[Part] = [ANSWER, OTHER, DECODED, CALL, CALLED]
    decision = decide(policy, [finding], stage=Stage.RESPONSE, parts=parts)
    if expected is None:
        assert (decision.action, decision.message) == (Action.REFUSE, "It stays.")
        return
    kind = EditKind(edit.partition(",")[0])
    assert decision.action is Action.REWRITE
    assert list(decision.edits) == [
        Edit(kind=kind, part=part.key, spans=spans, text=text) for part, spans, text in expected
    ]


def test_a_rule_on_the_whole_answer_replaces_each_of_its_texts(written: Written) -> None:
    rest = "action: rewrite, edits: [{kind: replace, text: no}]"
    policy = written("rules:\n" + rule("one", "harm > 0.5", rest, "response"))
    parts = [ANSWER, OTHER, DECODED]
    decision = decide(policy, [found(DECODED, "harm", 1.0)], stage=Stage.RESPONSE, parts=parts)
    assert [edit.part for edit in decision.edits] == [ANSWER.key, OTHER.key]


@pytest.mark.parametrize(("edits", "message"), [(MASK, "It stays."), (DROP, REFUSED)])
def test_an_edit_that_cannot_be_made_refuses(written: Written, edits: str, message: str) -> None:
    page = replace(PHOTO, parent="/document", method="pdf:page")
    note = replace(NOTE, parent=page.key)
    policy = written("rules:\n" + rule("one", "harm > 0.5", edits))
    decision = decide(policy, [found(note, "harm", 0.9)], parts=[QUESTION, page, note])
    assert (decision.action, decision.message) == (Action.REFUSE, message)
    assert decision.edits == ()
