from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from detectors.contract.exchange import Exchange, ImagePart, Message, Origin, Role, Stage, TextPart
from detectors.media import pin as module
from detectors.media.decode import Limits
from detectors.media.pin import MOST_PICTURES, PictureRefused, pin
from tests.pictures import photo, png


def exchange(*pictures: bytes, model: str = "gpt-4o") -> Exchange:
    parts = [
        ImagePart(pointer=f"/{at}", origin=Origin.USER, data=data, media_type="image/png")
        for at, data in enumerate(pictures)
    ]
    text = TextPart(pointer="/t", origin=Origin.USER, text="hello")
    return Exchange(
        dialect="d",
        model=model,
        stage=Stage.REQUEST,
        messages=(Message(role=Role.USER, parts=(*parts, text)),),
    )


SMALL = png(photo(1, (64, 48)))
BAD: dict[str, tuple[Callable[[], list[bytes]], str, str]] = {
    "a broken one": (lambda: [SMALL, SMALL[:60]], "/1", "truncated or broken"),
    "no picture": (lambda: [b"<svg/>"], "/0", "not accepted"),
    "one too many": (lambda: [SMALL] * (MOST_PICTURES + 1), f"/{MOST_PICTURES}", "100 pictures"),
    "too much together": (
        lambda: [png(Image.new("L", (7000, 7000)))] * 5,
        "/4",
        "200000000 pixels together",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_picture_that_cannot_be_pinned_is_named(case: str) -> None:
    pictures, place, reason = BAD[case]
    with pytest.raises(PictureRefused, match=reason) as refused:
        pin(exchange(*pictures()), (), Limits())
    assert refused.value.pointer == place


def test_what_is_too_much_is_known_before_any_pixel_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr(module, "canonicalise", lambda data, *_, **__: decoded.append(data))
    with pytest.raises(PictureRefused):
        pin(exchange(*[SMALL] * (MOST_PICTURES + 1)), (), Limits())
    assert decoded == []


def test_only_what_must_change_changes() -> None:
    large = png(photo(1, (4000, 1000)))
    before = exchange(SMALL, large)
    first, second, text = pin(before, (), Limits()).parts()
    assert isinstance(first, ImagePart)
    assert isinstance(second, ImagePart)
    assert first.data == SMALL
    assert second.data != large
    assert text == list(before.parts())[-1]


def test_what_is_pinned_stays_as_it_is() -> None:
    once = pin(exchange(png(photo(1, (4000, 1000)))), (), Limits())
    assert pin(once, (), Limits()) == once
