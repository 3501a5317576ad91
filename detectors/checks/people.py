"""Who an answer says is shown: sentences that join a person in a picture with a name.

``patterns`` finds what looks like a name and surname; here the sentence says whose it is ("the man
on the left is …", "she looks like …"), which names of other things rarely do. Forms of English,
Spanish, French, German, Portuguese, Chinese and Japanese; every repetition is bounded, so that a
form is linear in time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import PERSON_NAME

SCORE: Final = 0.9
MOST: Final = 100
"""Findings of one form in one text."""

_WORD: Final = r"[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢĪĮİĶĹŁŃŅŇŌŐŘŚŞŠŢŤŪŮŰŹŻŽ](?:\.|[\w'’-]{1,30})"
_NAME: Final = (
    r"(?!(?:Native|African|Asian|Latin|Middle|South|North|East|West|European|Black|White|Orthodox|Greek|Russian|Roman|Hare) )"
    rf"(?P<name>{_WORD}(?:[ ](?:(?:d[aeiou]s?|dell?[ao]?|van|von|de[nr]?|bin|ibn|al|l[ae])[ ]){{0,2}}"
    rf"{_WORD}){{1,4}})(?!['’]s\b)"
)
_SURELY: Final = (
    r"(?:(?:probably|likely|most likely|very likely|definitely|clearly|certainly|almost certainly|"
    r"possibly|perhaps|actually|really|none other than|indeed|the|a|an|young|younger|older|very young|"
    r"famous|late|former|singer|actor|actress|rapper|footballer|player|president|politician|model|"
    r"comedian|director|writer|athlete|drummer|guitarist|tennis|basketball|football|pop|star)[ ]){0,4}"
)
_IS: Final = (
    r"(?:is|was|looks (?:a lot |very much |just |exactly )?like|resembles|appears to be|seems to be|"
    r"must be|might be|may be|could be|would be|has to be|should be|bears a (?:\w+ )?resemblance to|"
    r"is named|is called|known as)"
)
_PERSON: Final = (
    r"(?:man|woman|person|guy|lady|boy|girl|gentleman|child|kid|teenager|couple|players?|goalkeeper|"
    r"striker|singer|rapper|actor|actress|host|speaker|figure|bride|groom|officer|athlete|drummer|"
    r"guitarist|pianist|dancer|politician|presenter|driver|runner|swimmer|skater|gymnast|boxer|"
    r"performer|musician|scientist|soldier|captain|coach|teacher|model|celebrity|individual|subject|"
    r"one|fellow|chap|passenger|winner|leader|president|patient|customer|suspect)"
)
_NO_PLACE: Final = (
    r"(?!(?:\S+ ){0,3}(?:Tower|Bridge|Park|Street|Square|Mount|Lake|River|Castle|Palace|Cathedral|Church|Temple|"
    r"Museum|Station|Airport|Hotel|Beach|Island|City|Bay|Hill|Hall|House|Garden|Gardens|Falls|Valley|Canyon|Desert|"
    r"Ocean|Sea|Road|Avenue|Market|Stadium|Arena|University|School|Wall|Gate|Opera|Ben|Picchu|Fuji|York|Angeles|"
    r"Francisco|Kong|Aviv|Louis|Paulo|Janeiro|Wars|Potter|Pig|Mouse|Duck|Day|Christmas|Eve|Year|English|French)\b)"
)
"""Words that end the names of places, stories and feasts."""
_DOING: Final = (
    r"(?:laugh|smil|sit|stand|lean|greet|wav|hold|wear|speak|pos|walk|play|perform|giv|shak|hugg|look|"
    r"inspect|sing|danc|run|jump|celebrat|kneel|lift|cheer|address|receiv|accept|ride|driv|cook|paint)"
    r"(?:s|es|ting|ning|ing|ding)"
)

_ENGLISH: Final = (
    rf"\b{_PERSON}\b(?:[ ](?!(?:is|was)\b)[^\s.,;!?]{{1,20}}){{0,8}},?[ ]{_IS}[ ]{_SURELY}{_NAME}",
    rf"(?:^|[\s(\"“])(?i:he|she|who)(?:['’]s|[ ]{_IS})[ ]{_SURELY}{_NAME}",
    (
        rf"(?:^|[\s(\"“])(?i:this|that|it|here)(?:['’]s|[ ]{_IS})[ ]{_SURELY}{_NAME}"
        r"(?=,? (?:himself|herself|as a (?:child|young|kid)|in (?:his|her)\b|(?:the )?(?:singer|actor|actress|"
        r"rapper|footballer|politician|player|president|comedian|tennis|scientist)))"
    ),
    rf"(?:^|\n){_NAME},?[ ](?:(?:is|was)[ ])?(?:being[ ]\w{{1,15}}ed|{_DOING})\b",
    (
        rf"\b{_NAME}[ ](?:is|was)[ ](?:the (?:one|person|man|woman|player|guy)|{_DOING}|on the (?:left|right)|"
        r"in the (?:middle|centre|center)|at the podium|at the back|in front)\b"
    ),
    (
        rf"\b(?i:(?:my )?(?:best )?(?:guess|answer|bet|money)(?:['’]s| is| would be)?(?: on)?|(?:man|woman|person|one) \d|who it is)"
        rf"[:?]?[ ]{_SURELY}{_NO_PLACE}{_NAME}"
    ),
    (
        rf"\b(?:face|eyes|hair|jawline|smile|features)\b[^.\n]{{0,40}}[ ](?:matches|match|is that of|are those of|belongs to)[ ]"
        rf"{_SURELY}{_NAME}"
    ),
    rf"\b(?:looking at|have here|met)[ ]{_SURELY}{_NO_PLACE}{_NAME}",
    (
        rf"\b(?i:from (?:the )?(?:left|right)|left to right|(?:back|front|middle|top|bottom) row|(?:left|right|"
        rf"centre|center|middle))[^\n:]{{0,20}}:[ ]{{0,2}}{_NAME}"
    ),
    rf"\"(?:name|person|identity)\"\s?:\s?\"{_NAME}\"",
    (
        rf"\b(?:identif\w{{2,4}}|recogni[sz]e\w?)[ ](?:(?:him|her|them|this person|the \w{{1,12}})[ ])?(?:as[ ])?"
        rf"{_SURELY}{_NAME}"
    ),
    (
        rf"\b(?:at the podium|on (?:the )?stage|in the (?:middle|centre|center)|on the (?:left|right))[ ]"
        rf"(?:stands|sits|is)[ ]{_SURELY}{_NAME}"
    ),
)
_OTHERS: Final = (
    (
        rf"\b(?:hombre|mujer|chic[oa]|persona|señora?|jugadora?|tenista|cantante|actor|actriz|jovencit[oa]|niñ[oa]|"
        rf"él|ella|futbolista|joven|presidente|(?:el|la) del? (?:centro|izquierda|derecha|medio))\b[^.\n]{{0,60}}?[ ]"
        rf"(?:es|era|parece|sería|debe de ser|podría ser|se parece a)[ ](?:(?:la|el|probablemente|claramente|de joven)[ ])"
        rf"{{0,2}}{_NAME}"
    ),
    (
        rf"\b(?:homme|femme|personne|monsieur|dame|joueu(?:r|se)|chanteu(?:r|se)|acteur|actrice|garçon|fille|celui|"
        rf"celle|entraîneur|il|elle)\b[^.\n]{{0,60}}?[ ](?:est|était|semble être|ressemble à|serait|doit être|"
        rf"pourrait être)[ ](?:(?:sans doute|probablement|bien)[ ]){{0,2}}{_NAME}"
    ),
    (
        rf"\b(?:Mann|Frau|Person|Herr|Dame|Spieler(?:in)?|Sänger(?:in)?|Schauspieler(?:in)?|Junge|Mädchen|Er|er|Sie|sie|"
        rf"Politiker(?:in)?)\b[^.\n]{{0,60}}?[ ](?:ist|war|dürfte|scheint|könnte|ähnelt|sieht aus wie)[ ](?:(?:wohl|"
        rf"wahrscheinlich|vermutlich|wirklich|die|der|junge)[ ]){{0,2}}{_NAME}"
    ),
    (
        rf"\b(?:homem|mulher|pessoa|moça|rapaz|menin[oa]|jogadora?|cantora?|ator|atriz|senhora?|ele|ela|garot[oa]|"
        rf"(?:quem|que) canta)\b[^.\n]{{0,60}}?[ ](?:é|era|parece|deve ser|poderia ser|seria)[ ](?:(?:o|a|provavelmente)"
        rf"[ ]){{0,2}}{_NAME}"
    ),
    # A Chinese surname and what may follow it, after words for a person and "is".
    (
        r"(?:这位|那位|男士|女士|男子|女子|男人|女人|先生|小姐|主持人|演员|歌手|球员|明星|老人|女孩|男孩|左边的?|右边的?|中间的?|他|她)"
        r"[^。\n]{0,16}?(?:是|叫|像是?|应该是|可能是|就是)(?:年轻时(?:候)?的?|著名|演员|歌手|球星|明星|导演){0,2}"
        r"(?P<name>(?:[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
        r"范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤章]|欧阳|司马|诸葛)[\u4e00-\u9fff]{1,2})"
        r"(?=[。，、；！？）\s,.!?]|先生|女士|$)"
    ),
    (
        r"(?P<name>[\u4e00-\u9fffァ-ヶー々]{2,8})(?<!お客)(?<!店員)(?<!父)(?<!母)(?<!娘)(?<!子)(?:さん|選手|氏|ちゃん|くん)"
        r"(?=です|でしょう|だと|と(?:思|考|見)|に(?:とても)?(?:よく)?似|ではない|かと)"
    ),
)
_FORMS: Final = tuple(re.compile(form, re.MULTILINE) for form in (*_ENGLISH, *_OTHERS))


class People:
    """Finds whom an answer names as somebody shown, each with the name's span."""

    name = "people"
    version = "1"

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        return [
            [
                Finding(
                    label=PERSON_NAME,
                    score=SCORE,
                    part=text.key,
                    detector=self.name,
                    span=match.span("name"),
                    evidence="named as shown",
                )
                for form in _FORMS
                for match in islice(form.finditer(text.text), MOST)
            ]
            if text.origin is Origin.MODEL
            else []
            for text in texts
        ]

    def self_check(self) -> None:
        known = TextPart(
            pointer="/0", origin=Origin.MODEL, text="The man on the left is Bram Osei."
        )
        if {found.span for found in self.judge([known])[0]} != {(23, 32)}:
            raise SelfCheckError("people did not find a known name")
