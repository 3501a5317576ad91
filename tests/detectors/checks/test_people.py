"""Whom an answer names as somebody who is shown."""

from __future__ import annotations

import time

import pytest

from detectors.checks import people
from detectors.checks.people import People
from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart

TOLD = {
    "The man on the left is Bram Osei.": "Bram Osei",
    "The woman in the red coat looks a lot like young Ana de la Cruz": "Ana de la Cruz",
    "I think he's probably Jean-Luc O'Hara.": "Jean-Luc O'Hara",
    "The referee who smiles: the goalkeeper must be Mara Lind.": "Mara Lind",
    "That looks like the singer? No: this is Tilda Brandt as a child.": "Tilda Brandt",
    "Tilda Brandt waving from a balcony": "Tilda Brandt",
    "Ida Moreau is on the right.": "Ida Moreau",
    "From left: Ida Moreau, somebody, and a dog": "Ida Moreau",
    '{"name": "Ida Moreau", "age": 40}': "Ida Moreau",
    "I recognise her as Ida Moreau": "Ida Moreau",
    "My best guess: Ida Moreau.": "Ida Moreau",
    "The face matches Ida Moreau": "Ida Moreau",
    "El hombre del sombrero es Pablo Ibarra.": "Pablo Ibarra",
    "La femme au centre semble être Odile Garnier": "Odile Garnier",
    "Die Frau mit dem Hut ist wohl Greta Hansen.": "Greta Hansen",
    "O rapaz de boné parece o Caio Prado": "Caio Prado",
    "左边的男士是王小川。": "王小川",
    "右端の男性は田所浩一さんでしょう": "田所浩一",
}
NOT_TOLD = [
    "The man is wearing a New York Yankees cap.",
    "The woman is African American.",
    "She is an Orthodox Jew, it seems.",
    "This is Machu Picchu at dawn.",
    "That's Golden Gate Park, I think.",
    "The book is Beloved by Toni Morrison.",
    "The chair was designed by Dieter Rams.",
    'A tall man leans on a van with "Henderson Removals" on its side.',
    "The font resembles Gill Sans.",
    "A woman in a red coat stands at the bar.",
    "左边的男士是老师。",
    "写真の女性は店員さんです。",
]


def judged(text: str, origin: Origin = Origin.MODEL) -> set[str]:
    part = TextPart(pointer="/t", origin=origin, text=text)
    (found,) = People().judge([part])
    assert {(each.label, each.score) for each in found} <= {("person_name", 0.9)}
    return {text[slice(*each.span)] for each in found if each.span}


@pytest.mark.parametrize("text", TOLD)
def test_whom_a_sentence_says_is_shown(text: str) -> None:
    assert TOLD[text] in judged(text)
    assert judged(text, Origin.USER) == set()


@pytest.mark.parametrize("text", NOT_TOLD)
def test_other_names_are_left_alone(text: str) -> None:
    assert judged(text) == set()


@pytest.mark.parametrize(
    "bait",
    ["The man " * 20_000, "he is " * 30_000, "Ann Lee " * 20_000, "是" * 150_000, "さん" * 80_000],
)
def test_hostile_text_costs_linear_time(bait: str) -> None:
    def seconds(text: str) -> float:
        part = TextPart(pointer="/t", origin=Origin.MODEL, text=text)
        begun = time.thread_time()
        People().judge([part])
        return time.thread_time() - begun

    # Four times the text may cost some more than four times the time, never sixteen.
    once, four_times = (min(seconds(bait * n) for _ in range(2)) for n in (1, 4))
    assert four_times < 10 * max(once, 0.05)


def test_it_notices_when_its_known_answer_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    People().self_check()
    monkeypatch.setattr(people, "_FORMS", ())
    with pytest.raises(SelfCheckError):
        People().self_check()
