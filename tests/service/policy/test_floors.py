"""What a condition needs before it can hold."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract.labels import LABELS
from service.policy.condition import EXCHANGE_VARIABLES, Language
from service.policy.floors import floors

THRESHOLDS: Final = {"low": 0.25, "high": 0.75}
CONSTANTS: Final = {f"threshold.{name}": value for name, value in THRESHOLDS.items()}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("harm >= 0.5", {"harm": 0.5}),
        ("harm > 0.5", {"harm": 0.5}),
        ("threshold.high <= harm", {"harm": 0.75}),
        ("images > 0 && harm >= 0.5", {"harm": 0.5}),
        ("harm >= 0.5 || identity >= 0.25", {"harm": 0.5, "identity": 0.25}),
        ("(harm >= 0.5 || harm >= threshold.low) && stream", {"harm": 0.25}),
        ("harm >= 0.5 && (identity >= 0.5 || location >= 0.5)", {"harm": 0.5}),
        ("gaps[0] == 'audio' && harm >= 0.5", {"harm": 0.5}),
        ("harm >= 0.5 // || stream", None),
        ("harm >= 0.5 && model != '||'", {"harm": 0.5}),
        # what may hold whatever is scored
        ("harm < 0.5", None),
        ("harm == 0.5", None),
        ("!(harm >= 0.5)", None),
        ("0.5 >= harm", None),
        ("harm >= 0.5 || has_faces", None),
        ("stream ? harm >= 0.5 : harm >= 0.75", None),
        ("harm >= (stream ? 0.5 : 0.75)", None),
        ("harm + identity >= 0.5", None),
        ("score.user.harm >= 0.5", None),
        ("complete", None),
        ("model == 'harm >= 0.5'", None),
        ("harm >= 0.5 && model != '''a'b''' || path != 'c'", None),
        ('harm >= 0.5 && model != """a"b""" || path != "c"', None),
        (r"harm >= 0.5 && model != 'a\'b' || path != 'c'", None),
    ],
)
def test_of_a_condition(when: str, expected: dict[str, float] | None) -> None:
    assert floors(when, CONSTANTS) == expected


_MEASURES: Final = st.sampled_from(["harm", "identity", "0.5", "threshold.low", "threshold.high"])
_SIGNS: Final = st.sampled_from([">=", ">", "<=", "<", "==", "!="])
_TERMS: Final = st.one_of(
    st.builds("{} {} {}".format, _MEASURES, _SIGNS, _MEASURES),
    st.sampled_from(
        ["stream", "images > 0", "size(gaps) > 0 && gaps[0] == 'audio'", "model == 'harm >= 0.5'"]
    ),
)
_CONDITIONS: Final = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        st.builds("({}) && {}".format, inner, inner),
        st.builds("{} || ({})".format, inner, inner),
        st.builds("{} && {} || {}".format, inner, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
_SCORES: Final = st.sampled_from([0.0, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
_NOTHING: Final = {
    "bool": False,
    "int": 0,
    "string": "",
    "list<string>": [],
    "map<string, string>": {},
}


@given(when=_CONDITIONS, harm=_SCORES, identity=_SCORES, stream=st.booleans(), images=st.booleans())
def test_below_its_floors_no_condition_holds(
    when: str, harm: float, identity: float, *, stream: bool, images: bool
) -> None:
    found = floors(when, CONSTANTS)
    scores = {"harm": harm, "identity": identity}
    if found is None or any(scores[label] >= least for label, least in found.items()):
        return
    given = {"stream": stream, "images": int(images)}
    assert _held(when, {**scores, **given}) is False


def test_what_cannot_be_evaluated_beside_a_score_below_is_false() -> None:
    fails = "(stream ? gaps[0] == 'audio' : true)"
    assert _held(fails, {"stream": True}) is None
    assert _held(f"{fails} && harm >= 0.5", {"stream": True, "harm": 0.4}) is False
    assert _held(f"{fails} && harm >= 0.5", {"stream": True, "harm": 0.5}) is None


def _held(when: str, values: dict[str, object]) -> bool | None:
    language = Language(THRESHOLDS)
    condition = language.compile(when, of_parts=False)
    nothing = {name: _NOTHING[type_] for name, type_ in EXCHANGE_VARIABLES.items()}
    return condition.holds(language.values({**nothing, **dict.fromkeys(LABELS, 0.0), **values}))
