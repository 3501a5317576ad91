"""Tells which language a person writes in, so that a refusal can be read by them.

Scripts tell most of the languages apart; those written in Latin letters are told by their
commonest words and their accents. What is too short or unclear counts as English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from detectors.contract.exchange import Exchange, Role, TextPart
from service.policy.fields import ENGLISH

MOST_CHARACTERS: Final = 2000
"""Read of a text, from its end, where people ask: more would not tell more."""

_WORD: Final = re.compile(r"[^\W\d_]+")
_SCRIPTS: Final[Mapping[str, re.Pattern[str]]] = {
    "ja": re.compile(r"[\u3041-\u309f\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d]"),
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "ar": re.compile(r"[\u0620-\u064a\u0671-\u06d3\ufb50-\ufdff\ufe70-\ufefc]"),
    "hi": re.compile(r"[\u0904-\u0939\u0958-\u0961]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
}
_LETTERS_A_WORD: Final = 3
"""One sign of Chinese or Japanese says about as much as this many Latin letters."""
_WORDS: Final[Mapping[str, str]] = {
    "en": "the of and to in is was are that it this what who where how why you with for on at be "
    "not can do does his her she he they me my your which from have has i please tell there",
    "es": "el la los las un una de del que en y es quién qué dónde cómo cuál esta este esto con "
    "por para no se su sus lo al está son hay mi me tu puedes dime persona imagen",
    "fr": "le la les un une des de du que qui est et en où quel quelle comment dans sur pour pas "
    "ce cette ces il elle je vous tu avec au aux son sa ses se ne cela moi mon",
    "de": "der die das den dem des ein eine einen einer ist und wer was wo wie warum welche "
    "welcher auf in im mit von für nicht zu bei aus diese dieser dieses diesem er sie es ich du "
    "wurde sind mir bild kannst bitte hat",
    "pt": "o a os as um uma de do da dos das que em no na nos nas é e quem qual onde como está "
    "este esta isto com por para não se seu sua ao são há meu minha me você pode diga pessoa "
    "imagem foi esse essa nesta neste",
}
_COMMON: Final = {name: frozenset(words.split()) for name, words in _WORDS.items()}
_LETTERS: Final[Mapping[str, str]] = {
    "es": "ñ¿¡",
    "fr": "çèêëàâîïôùûœ",
    "de": "äöüß",
    "pt": "ãõçâêô",
}


def language_of(exchange: Exchange) -> str:
    """The language of the one who reads a refusal: of an answer too, that of the question."""
    return exchange.shown.language or asked_in(exchange) or ENGLISH


def asked_in(exchange: Exchange) -> str:
    """The language of the last message of the user; of all messages, if there is none of them.

    Empty where no words were written.
    """
    asked = [message for message in exchange.messages if message.role is Role.USER]
    for message in reversed(asked or exchange.messages):
        texts = [part.text for part in message.parts if isinstance(part, TextPart)]
        if any(text.strip() for text in texts):
            return language(" ".join(text[-MOST_CHARACTERS:] for text in texts))
    return ""


def language(text: str) -> str:
    """The language of a text, as one of the codes that a message may be written by."""
    text = text[-MOST_CHARACTERS:]
    found = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    han, kana = found["zh"], found["ja"]
    found["zh"] = 0 if kana * 10 > han else han * _LETTERS_A_WORD
    found["ja"] = (kana + han) * _LETTERS_A_WORD if kana * 10 > han else 0
    best = max(found, key=lambda name: found[name])
    if not found[best]:
        return ENGLISH
    return _in_latin_letters(text) if best == "latin" else best


def _in_latin_letters(text: str) -> str:
    words = [word.lower() for word in _WORD.findall(text)]
    scores = {
        name: float(sum(word in common for word in words)) for name, common in _COMMON.items()
    }
    for name, letters in _LETTERS.items():
        scores[name] += 0.5 * sum(letter in letters for letter in text.lower())
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > scores[ENGLISH] else ENGLISH
