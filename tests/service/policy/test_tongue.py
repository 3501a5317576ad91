from dataclasses import replace

import pytest

from detectors.contract.exchange import Exchange, Message, Origin, Role, Shown, Stage, TextPart
from service.policy.tongue import language, language_of
from tests.service.policy.exchanges import (
    PARTS,
    QUESTION,
    Written,
    decide,
    exchange_of,
    found,
    inspection_of,
    rule,
)

TEXTS = [
    ("en", "Who is the woman in this picture?"),
    ("en", "What does he do for a living?"),
    ("es", "¿Quién es la mujer de esta foto?"),
    ("es", "dime donde se tomo la foto por favor"),
    ("fr", "Qui est la femme sur cette photo ?"),
    ("fr", "Où est-ce que cette image a été prise ?"),
    ("de", "Wer ist die Frau auf diesem Bild?"),
    ("de", "Wo wurde das aufgenommen?"),
    ("pt", "Quem é a mulher nesta foto?"),
    ("pt", "Onde você acha que isto foi tirado?"),
    ("zh", "这张照片里的女人是谁？"),
    ("zh", "iPhone 拍的照片在哪里"),
    ("ja", "この写真の女性は誰ですか。"),
    ("ja", "東京タワーはどこ"),
    ("ar", "من هي المرأة في هذه الصورة؟"),
    ("hi", "इस तस्वीर में यह औरत कौन है?"),
    ("en", ""),
    ("en", "12345 !?"),
    ("en", "Ok"),
    ("en", "Кто эта женщина?"),
]


@pytest.mark.parametrize(("expected", "text"), TEXTS)
def test_the_language_of_a_text(expected: str, text: str) -> None:
    assert language(text) == expected


def asked(*texts: tuple[Role, str]) -> Exchange:
    messages = tuple(
        Message(role=role, parts=(TextPart(pointer=f"/{at}", origin=Origin.USER, text=text),))
        for at, (role, text) in enumerate(texts)
    )
    return Exchange(dialect="d", model="m", stage=Stage.REQUEST, messages=messages)


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (asked((Role.SYSTEM, "You are kind."), (Role.USER, "Wer ist das hier?")), "de"),
        (asked((Role.USER, "Wer ist das?"), (Role.USER, "Où est-ce que c'est ?")), "fr"),
        (asked((Role.USER, "Wer ist das?"), (Role.USER, " ")), "de"),
        (asked((Role.ASSISTANT, "Das ist die Antwort.")), "de"),
        (asked(), "en"),
    ],
)
def test_the_last_words_of_the_user_tell_the_language(exchange: Exchange, expected: str) -> None:
    assert language_of(exchange) == expected


def test_an_answer_is_refused_in_the_language_of_the_question(written: Written) -> None:
    said = "action: refuse, message: {en: No., de: Nein., fr: Non.}"
    policy = written("rules:\n" + rule("one", "harm > 0.5", said, "response"))
    text = TextPart(pointer="/0", origin=Origin.MODEL, text="C'est la femme qui est sur la photo.")
    inspection = inspection_of([found(text, "harm", 0.9)], parts=[text])
    answer = exchange_of([text], Stage.RESPONSE)
    assert policy.decide(answer, inspection).message == "Non."
    for spoken, message in (("de", "Nein."), ("en", "No."), ("ja", "No.")):
        asked = replace(answer, shown=Shown(language=spoken))
        assert policy.decide(asked, inspection).message == message


@pytest.mark.parametrize(
    ("question", "message"),
    [("Wer ist die Frau?", "Nein."), ("Qui est la femme ?", "No."), ("Who is it?", "No.")],
)
def test_a_refusal_speaks_the_language_of_the_question(
    written: Written, question: str, message: str
) -> None:
    said = "action: refuse, message: {en: No., de: Nein.}"
    policy = written("rules:\n" + rule("one", "harm > 0.5", said))
    text = TextPart(pointer="/0", origin=Origin.USER, text=question)
    decision = decide(policy, [found(text, "harm", 0.9)], parts=[text, *PARTS[1:]])
    assert decision.message == message
    assert QUESTION.pointer == text.pointer
