"""What stands around a name: whether it is a place there, and whether the sentence tells one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from detectors.checks import gazetteer
from detectors.checks.gazetteer import folded
from detectors.checks.place_forms import GENERIC

_BEFORE: Final = re.compile(
    r"(?:^|[\s(\"“„«'’*_-])(?:in|at|near|from|around|outside|visit|visiting|nach|aus|bei|"
    r"à|en|vers|près[ ]de|em|no|na|perto[ ]de|cerca[ ]de|dans|sur|is|ist|est|es|é)[ ]"
    r"[\"“„«*_]{0,3}\Z",
    re.IGNORECASE,
)
"""A word before which a name is a place. ``is`` stands in "this is Bath"."""
_WORD_BEFORE: Final = re.compile(r"([^\W\d_][\w'’.-]*)[ -]\Z")
_WORD_AFTER: Final = re.compile(r"[ -]([A-ZÀ-ÖØ-Þ][\w'’-]*)")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:;\n\"“„«(*#>|-])\s{0,3}[\"“„«*_]{0,3}\Z")
_HEADS: Final = frozenset(
    "stadt hauptstadt großstadt innenstadt region raum provinz greater central downtown north south "
    "east west northern southern eastern western upper lower old inner rural coastal city town village "
    "ciudad ville cidade metropole altstadt land insel kanton staat likely probably maybe perhaps "
    "possibly definitely in at near from de à en em aus nach country answer location place".split()
)
"""Words with a capital that may stand before a name and are no part of it."""
_TELLS: Final = re.compile(
    r"\b(?:photo(?:graph)?s?|pictures?|image|shot|taken|snapped|locat\w+|this is|this looks|that'?s|"
    r"these are|it is|it'?s|you(?:'re| are| were)|standing|looks? (?:very )?like|appears?|probably|"
    r"likely|possibly|perhaps|maybe|guess|i'?d say|i think|recogni[sz]\w+|somewhere|suggests?|scene|"
    r"view|street|skyline|shows?|answer|address|situated|here|foto\w*|bild\w*|aufnahme|aufgenommen|entstanden|"
    r"das ist|dies ist|das sind|vermutlich|wahrscheinlich|wohl|zeigt|befinde\w*|liegt|hier|gemacht|erkenn\w*|"
    r"photographie|cliché|prise?|image|c'est|situé\w*|montre|probablement|sans doute|ici|reconn\w+|"
    r"imagen|tomada|hizo|esta es|este es|está|parece|seguramente|muestra|aquí|ubicad\w+|probablemente|"
    r"imagem|tirada|fotografia|fica|esta é|este é|mostra|aqui|provavelmente|trata-se|se trata)\b|"
    r"拍|照|图|圖|位于|位於|这是|這是|这里|应该是|看起来|可能|所在|撮|写真|画像|場所|これは|ここは|でしょう|と思|"
    r"صورة|الصورة|التقطت|التُقطت|هذا|هذه|تقع|يقع|يبدو|المكان|الموقع|तस्वीर|फ़ोटो|फोटो|चित्र|यह|स्थित|जगह|ली गई|खींची|लगता|दिख",
    re.IGNORECASE,
)
"""Words of a sentence that speaks of a picture, or of where something is."""
_TOLD_BEFORE: Final = re.compile(
    r"(?:\b(?:(?:taken|shot|snapped|photographed|captured)(?= )|posed|posing|standing|"
    r"(?:photo|picture|image|shot|snapshot|scene|selfie|view)[ ](?:is|was|comes|seems|looks|shows)|"
    r"(?:this|that|it)(?:['’]s|[ ](?:is|was|looks|must|could|might|appears|seems))|you(?:['’]re|[ ]are|[ ]were)|"
    r"(?:location|city|country|place|where|aufnahmeort|ort|lieu|lugar|local)\"?:|i['’]d[ ]say|guess|recogni[sz]e|"
    r"(?:foto|bild|aufnahme|szene)\b[^.!?]{0,30}\b(?:in|im|am|an|auf|aus|von|vor|zeigt|ist|wurde)|das[ ](?:ist|war|wurde)|"
    r"dies[ ]ist|aufgenommen|entstanden|stehst|stand|würde[ ]sagen|tippe|"
    r"(?:photo|image|cliché|scène)\b[^.!?]{0,40}\b(?:pris|vient|montre|passe)\w*|c['’](?:est|était)|vous[ ]étiez|posait|"
    r"prise|je[ ]dirais|reconn\w+|(?:foto|imagen|imagem|escena|cena|fotografia|instantánea|instantâneo)\b[^.!?]{0,40}\b(?:tom\w+|"
    r"hizo|sacó|muestra|mostra|está|fica|tirada|feit[ao])|(?:creo|acho)[ ]que[ ]é?s?|diría|diria|estabas|estava|posaba|"
    r"posava|fue|foi|reconozco|reconheço)\b|(?:location|city|country|place|where|aufnahmeort|ort|lieu[ ]?|lugar|local)\"?:)"
    r"[^.!?\n]{0,70}\Z",
    re.IGNORECASE,
)
"""What says before a place that a picture was taken there, in languages that say it before."""
_TOLD_AROUND: Final = re.compile(
    r"拍摄|拍攝|拍的|拍照|这里应该|這裡應該|这是|這是|位于|位於|地点|地點|那是在|站在|撮影|撮られ|写って|ここは|これは|場所|"
    r"画像の|لتقطت|لتُقطت|الصورة من|المكان|المشهد|اللقطة|التصوير|المصور|الموقع|ली गई|खींची|यह जगह|दृश्य|"
    r"की तस्वीर|की है|स्थान|खड़ी|खड़ा|फ़ोटो"
)
_ENDS: Final = re.compile(r"[!?。！？।\n]|\.(?=\s+[^\Wa-z\d_]|\s*\Z)|[.؟]\s")
_INITIALS: Final = re.compile(r"[A-Z]{3,4}")
_ABBREVIATED: Final = frozenset({"USA", "UAE", "EUA", "NYC", "CDMX"})
REACH: Final = 200
"""Characters on either side that are looked at, where a sentence has no end."""
MARKS: Final = 12
"""Characters beside the name in an answer that is no more than a name."""
SIGNS: Final = 4
"""The same in a script without capitals, whose words are shorter."""
_MADE: Final = re.compile(
    r"\b(?:made|produced|manufactured|brewed|grown|bottled|printed|imported|hergestellt|gefertigt|"
    r"fabriqué|produit|fabricado|hecho|producido|feito|produzido)\w*[ ](?:in|from|aus|en|au|em|de|na|no)[ ]\Z",
    re.IGNORECASE,
)
"""What says before a place that a thing came from there."""
_SHORT: Final = 60
"""Characters of an answer that is no more than a name."""
_UNKNOWN: Final = re.compile(
    r"(?:(?<=\s)|^)(?:(?P<prep>[Ii]n|[Aa]t|[Nn]ear|[Aa]round|[Oo]utside|[Aa]long|from|off|"
    r"à|[Ee]n|dans|près[ ]de|vers|du[ ]côté[ ]de|[Ee]m|[Nn][oa]|perto[ ]d[eoa]|cerca[ ]de|a)[ ]"
    r"(?:(?:the|la|le|les|el|los|las|o|a|os|as|l['’])[ ]?)?|(?P<guess>probably|likely|perhaps|possibly|maybe|"
    r"wahrscheinlich|vermutlich|vielleicht|probablement|sans[ ]doute|peut-être|probablemente|quizás?|"
    r"provavelmente|talvez)[ ](?:in[ ]|dans[ ]|en[ ]|em[ ]|im[ ])?(?:the[ ]|le[ ]|la[ ]|el[ ])?)?"
    r"(?P<name>[A-ZÀ-ÖØ-ÞŁŚŠŽİ][\w'’-]{2,24}(?:[ ](?:d[eoa]s?[ ]|la[ ]|of[ ])?[A-ZÀ-ÖØ-Þ][\w'’-]{2,24}){0,2})"
    r"(?P<comma>,[ ])?"
)
_NO_PLACES: Final = frozenset(
    "january february march april may june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday english german french spanish portuguese "
    "italian chinese japanese arabic hindi russian dutch korean latin greek turkish polish christmas "
    "easter ramadan halloween god gmt utc python java photoshop excel word powerpoint google facebook "
    "instagram youtube wikipedia linkedin twitter microsoft apple amazon github linux windows android "
    "iphone pdf usb json html css sql european asian african american british renaissance baroque "
    "gothic victorian roman art deco nouveau unesco janvier février mars avril mai juin juillet août "
    "septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre "
    "octubre noviembre diciembre janeiro fevereiro março maio junho julho setembro outubro novembro "
    "dezembro western eastern northern southern internet gps exif cyrillic".split()
)
"""What stands behind "in" with a capital letter and is no place."""


class Context:
    """A text, and what stands around each place in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def stands_alone(self, start: int, end: int, *, sure: bool, single: bool) -> bool:
        """Whether a known name is a place here: no person's, no part of another, no common word.

        ``sure`` names are no common words; ``single`` ones have one word.
        """
        name = self._text[start:end]
        if single and _INITIALS.fullmatch(name) and name not in _ABBREVIATED:
            return False
        before, after = self._text[max(0, start - 40) : start], self._text[end : end + 40]
        placed = _BEFORE.search(before) is not None
        if self._text[start].lower() == self._text[start].upper():
            return sure or placed  # a script without capitals
        following = _WORD_AFTER.match(after)
        if not placed and single and following and not _is_name(following[1]):
            return False
        if following and after[0] == "-" and single and not _is_name(following[1]):
            return False
        first = _SENTENCE_START.search(before) is not None
        preceding = _WORD_BEFORE.search(before)
        if preceding and single and not first and not placed and self._part_of(before, preceding):
            return False
        return sure or placed or self._beside(before, after)

    def told(self, start: int, end: int) -> bool:
        """Whether the sentence says that a picture was taken at the place."""
        low, high = self._sentence(start)
        if _MADE.search(self._text, max(low, start - REACH), start):
            return False
        capitals = self._text[start].lower() != self._text[start].upper()
        return (
            _TOLD_BEFORE.search(self._text, max(low, start - REACH), start) is not None
            or _TOLD_AROUND.search(self._text, max(low, start - REACH), min(high, end + REACH))
            is not None
            or len(self._text.strip()) - (end - start) <= (MARKS if capitals else SIGNS)
        )

    def _sentence(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._ends, at)
        low = self._ends[number - 1] if number else 0
        return low, self._ends[number] if number < len(self._ends) else len(self._text)

    def tells(self, start: int) -> bool:
        """Whether the sentence around a place speaks of a picture, or of where something is."""
        if len(self._text) <= _SHORT:
            return True
        low, high = self._sentence(start)
        low, high = max(low, start - REACH), min(high, start + REACH)
        return _TELLS.search(self._text, low, high) is not None

    def unknown(self) -> Iterator[tuple[int, int, int, bool]]:
        """Names in a place's stead that may be in no list.

        From, to, where the next name would be behind a comma (-1 without one), and whether a word
        before it shows that it is a place.
        """
        for match in _UNKNOWN.finditer(self._text):
            name = match["name"]
            if not (match["prep"] or match["guess"] or match["comma"]) or self._no_place(name):
                continue
            if not self.tells(match.start("name")):
                continue
            follows = match.end("comma") if match["comma"] else -1
            yield *match.span("name"), follows, bool(match["prep"] or match["guess"])

    def _no_place(self, name: str) -> bool:
        words = [folded(word) for word in name.split()]
        known = gazetteer.names().get(folded(name))
        return known is not None or any(word in _NO_PLACES or word in GENERIC for word in words)

    @cached_property
    def _ends(self) -> list[int]:
        """Where the sentences end, in order."""
        return [match.end() for match in _ENDS.finditer(self._text)]

    def _part_of(self, before: str, preceding: re.Match[str]) -> bool:
        """Whether the word before makes another name of it, as in "Jack London"."""
        word = preceding[1]
        if word[0].islower() or folded(word) in _HEADS or _is_name(word):
            return False
        return _SENTENCE_START.search(before[: preceding.start()]) is None

    def _beside(self, before: str, after: str) -> bool:
        """Whether a comma joins it to a name of the gazetteer: "Bath, England"."""
        following = re.match(r",[ ]([^\W\d_][\w'’-]*(?:[ ][A-Z][\w'’-]*)?)", after)
        preceding = re.search(r"([^\W\d_][\w'’-]*),[ ]\Z", before)
        return any(match is not None and _is_name(match[1]) for match in (following, preceding))


def _is_name(name: str) -> bool:
    """Whether it, or its first word, is the name of a place and nothing else."""
    names = gazetteer.names()
    first, _, _ = name.partition(" ")
    return any(names.get(folded(each), "?").islower() for each in (name, first))
