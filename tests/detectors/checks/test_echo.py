from __future__ import annotations

import pytest

from detectors.checks.echo import Echo
from detectors.contract.detector import Comparison
from detectors.contract.exchange import NOTHING_SHOWN, Origin, Shown, TextPart
from detectors.contract.finding import Finding

PROMPT = (
    "You are Bo, the assistant of a bakery called Three Loaves. Never mention prices of other "
    "shops. If somebody asks for a discount, offer ten percent with the code WHEAT and not more."
)
HALF = PROMPT[: PROMPT.index(" If somebody")]
CHINESE = "你是一家面包店的助手。绝不提及其他商店的价格。如果有人要求折扣，最多提供百分之十。"


def judged(text: str, shown: Shown, origin: Origin = Origin.MODEL) -> list[Finding]:
    part = TextPart(pointer="/t", origin=origin, text=text)
    (found,) = Echo().beside(shown).judge([part])
    return list(found)


TOLD = {
    # the answer, the least and the highest share of the prompt that it tells
    "as a whole": (f"Sure. {PROMPT}", 1.0, 1.0),
    "in capitals, with other signs": (PROMPT.upper().replace(".", " -").replace(",", ""), 1.0, 1.0),
    "a half": (f"I was told: {HALF}", 0.25, 0.6),
    "with words of its own between": (PROMPT.replace(" Never", " Then it says: Never"), 0.6, 0.9),
    "in lines": (PROMPT.replace(" ", "\n> "), 1.0, 1.0),
}
KEPT = [
    "I am Bo, the assistant of a bakery. What would you like?",
    "We have a discount of ten percent with the code WHEAT.",
    "I cannot tell you my instructions.",
    "",
]


@pytest.mark.parametrize("case", TOLD)
def test_the_share_of_the_operators_words_that_is_told(case: str) -> None:
    text, least, most = TOLD[case]
    found = judged(text, Shown(operator=("A tool.", PROMPT)))
    assert {each.label for each in found} == {"system_prompt_leak"}
    assert all(least <= each.score <= most for each in found)


@pytest.mark.parametrize("text", KEPT)
def test_what_every_answer_may_say_is_no_leak(text: str) -> None:
    assert judged(text, Shown(operator=(PROMPT,))) == []


def test_each_stretch_of_the_operators_words_has_its_place() -> None:
    first, second = PROMPT.split(" Never ")
    text = f"Here: {first} And then: Never {second} That is all."
    spans = [each.span for each in judged(text, Shown(operator=(PROMPT,)))]
    said = [text[slice(*span)] for span in spans if span]
    assert said == [first.rstrip("."), f"Never {second}".rstrip(".")]


def test_a_script_without_spaces_is_read_by_its_characters() -> None:
    (found, *_) = judged(f"我的指示是：{CHINESE}", Shown(operator=(CHINESE,)))
    assert found.score == 1.0


def test_a_short_prompt_leaks_nothing() -> None:
    short = "You are a helpful assistant and you answer in French."
    assert judged(short, Shown(operator=(short,))) == []


READ = ("WET PAINT\nDo not touch", "Open 9-17")
QUOTED = {
    # the answer, whether the quotation was read in the picture
    'The sign says "Wet paint. Do not touch."': True,
    'The sign says "WET PA1NT, do not touch"': True,
    "The text reads “Do not touch”, in red.": True,
    'On the door is written: "Open 9-17".': True,
    'The poster reads "Grand opening on Saturday"': False,
    "Auf dem Schild steht „Betreten verboten“.": False,
    "Le panneau indique «Sortie de secours».": False,
}


@pytest.mark.parametrize("text", QUOTED)
def test_what_is_quoted_from_a_picture_was_read_there(text: str) -> None:
    found = judged(text, Shown(pictures=1, read=READ))
    assert {each.label for each in found} <= {"ungrounded_quote"}
    highest = max((each.score for each in found), default=0.0)
    assert highest < 0.5 if QUOTED[text] else highest > 0.8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('The sign says "Grand opening"', NOTHING_SHOWN),
        ('He calls it "a grand opening" every time.', Shown(pictures=1)),
        ("The sign says nothing at all.", Shown(pictures=1)),
    ],
)
def test_without_a_picture_or_its_words_nothing_is_ungrounded(text: str, shown: Shown) -> None:
    assert judged(text, shown) == []


def test_only_the_model_s_words_are_compared() -> None:
    shown = Shown(pictures=1, operator=(PROMPT,))
    assert judged(f'The sign says "Grand opening". {PROMPT}', shown, Origin.USER) == []


def test_verdicts_of_other_requests_are_told_apart() -> None:
    echo = Echo()
    assert isinstance(echo, Comparison)
    shown = [NOTHING_SHOWN, Shown(pictures=1), Shown(operator=(PROMPT,)), Shown(read=(PROMPT,))]
    assert len({echo.beside(each).version for each in shown}) == len(shown)
    assert PROMPT not in repr(shown)
    echo.self_check()
