from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from detectors.checks import gazetteer
from detectors.checks.places import NAMED, TOLD, Places
from detectors.contract.detector import ModelError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding

LEVELS = ("country", "city", "neighbourhood", "exact")
TELLING = {
    "This was taken in Japan.": "country",
    "Das Foto wurde in den Niederlanden aufgenommen.": "country",
    "La foto fue tomada en Perú.": "country",
    "照片拍摄于葡萄牙。": "country",
    "It is in Bavaria.": "city",
    "This is Reading, England.": "city",
    "The photo was taken in Bath.": "city",
    "La photo a été prise à Nice.": "city",
    "この写真は札幌市で撮影されました。": "city",
    "التقطت الصورة بالقاهرة.": "city",
    "यह तस्वीर जयपुर में ली गई है।": "city",
    "It was taken in the Marais, in Paris.": "neighbourhood",
    "You are in Shibuya ward, Tokyo.": "neighbourhood",
    "This is the Qwxyrton district of Lyon.": "neighbourhood",
    "The picture was taken in Prague, probably Qwxyrov.": "neighbourhood",
    "Das Bild entstand im Leipziger Stadtteil Plagwitz.": "neighbourhood",
    "C'est dans le 18e arrondissement.": "neighbourhood",
    "Fue en el barrio de Triana.": "neighbourhood",
    "A foto foi tirada no bairro da Lapa.": "neighbourhood",
    "这是成都锦江区。": "neighbourhood",
    "ここは東京都渋谷区です。": "neighbourhood",
    "المكان في حي الزمالك.": "neighbourhood",
    "यह जगह पुणे के कोथरुड इलाके में है।": "neighbourhood",
    "This is on Brick Lane.": "exact",
    "You are at the corner of Elm and Third.": "exact",
    "It was taken in front of the Hotel Adlon.": "exact",
    "It was taken at St. Mary's Primary School.": "exact",
    "Das ist der Kölner Dom.": "exact",
    "C'est rue de Rivoli.": "exact",
    "Estás en la plaza de España.": "exact",
    "Foi tirada na Rua Augusta.": "exact",
    "照片拍摄于杭州灵隐寺。": "exact",
    "これは京都の清水寺です。": "exact",
    "المكان هو شارع الحمرا.": "exact",
    "यह आगरा का ताज महल है।": "exact",
}
NO_PLACES = [
    "Nice photo! Reading it on a mobile in the bath is hard.",
    "In March the invoice was paid twice.",
    "The cover names Jack London and Paris Hilton.",
    "The goddess of Justice holds scales.",
    "A bridge, a church and a market. The Station is closed.",
    "Turkey is done at 74 degrees.",
    "Das Essen in der Halle ist am Ende kalt.",
    "Auf dem Spielplatz steht ein Supermarkt.",
    "C'est une belle place de parking.",
    "图中有一座桥、一家酒店和一个火车站。",
    "パリパリの餃子です。",
    "一座跨河大桥。",
    "في الصورة جسر قديم ومسجد كبير.",
    "चित्र में एक पुराना पुल और एक बड़ा मंदिर है।",
    "It is somewhere in Europe, near the Mediterranean.",
]


def judged(text: str, origin: Origin = Origin.MODEL) -> list[Finding]:
    (found,) = Places.load().judge([TextPart(pointer="/0", origin=origin, text=text)])
    return list(found)


def finest(text: str) -> str | None:
    labels = {finding.label.removeprefix("location_") for finding in judged(text)}
    return next((level for level in reversed(LEVELS) if level in labels), None)


@pytest.mark.parametrize(("text", "level"), TELLING.items())
def test_the_finest_level_that_is_told_is_found(text: str, level: str) -> None:
    assert finest(text) == level


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_is_not_found(text: str) -> None:
    assert judged(text) == []


@pytest.mark.parametrize("origin", [Origin.USER, Origin.THIRD_PARTY, Origin.OPERATOR])
def test_only_a_models_words_are_read(origin: Origin) -> None:
    assert judged("This was taken in Lisbon.", origin) == []


def test_what_is_told_scores_more_than_what_is_named() -> None:
    (told,) = judged("This photo was taken in Lisbon.")
    (named,) = judged(
        "The recipe goes back to cooks from Lisbon, who had little meat in those days."
    )
    assert (told.score, named.score) == (TOLD, NAMED)


@pytest.mark.parametrize(
    "text",
    [
        "The watch you photographed was made in Switzerland, as its back says.",
        "The beer in your picture was brewed in Belgium by monks.",
        "Die Uhr auf dem Bild ist laut Gravur hergestellt in Japan.",
        "袋子上写着“云南小粒咖啡”。",
    ],
)
def test_where_a_thing_was_made_is_not_where_its_picture_was_taken(text: str) -> None:
    assert [each.score for each in judged(text) if each.score >= TOLD] == []


def test_a_finding_says_where_the_place_is_named() -> None:
    text = "I'd say it is in Kyoto."
    (found,) = judged(text)
    assert found.span is not None
    assert text[slice(*found.span)] == "Kyoto"


def test_a_finer_level_that_comes_late_in_a_growing_answer_is_found() -> None:
    whole = "This was taken in Paris, most likely in the Belleville quarter."
    assert [finest(whole[:end]) for end in (17, 23, len(whole))] == [None, "city", "neighbourhood"]


@pytest.mark.parametrize(
    "text",
    [
        "A " * 8_000,
        "Rue de " * 4_000,
        "上海" * 4_000,
        "Über den " * 4_000,
        "حي " * 6_000,
        "In Lyon, " * 3_000,
    ],
)
def test_time_is_linear(text: str) -> None:
    spent = []
    for part in (text[: len(text) // 4], text):
        begun = time.thread_time()
        judged(part)
        spent.append(time.thread_time() - begun)
    assert spent[1] < 10 * max(spent[0], 0.02)


def test_a_broken_gazetteer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "names.txt.gz"
    broken.write_bytes(gzip.compress(b"c\tjapan\n")[:-9])
    monkeypatch.setattr(gazetteer, "FILE", broken)
    gazetteer.names.cache_clear()
    gazetteer.longest.cache_clear()
    with pytest.raises(ModelError, match=r"names\.txt\.gz, the names of places, cannot be read"):
        Places.load()
    gazetteer.names.cache_clear()
    gazetteer.longest.cache_clear()
