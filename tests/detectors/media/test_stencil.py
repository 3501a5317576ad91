from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from detectors.media.decode import MediaError
from detectors.media.stencil import levels, stencil
from tests.pictures import encoded, opened, photo, png


def cut(low: int, mode: str = "RGBA") -> Image.Image:
    """A photo that is more and more transparent from right to left, down to this opacity."""
    image = photo(1, (64, 48)).convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.linspace(low, 255, 64).astype(np.uint8), (48, 1))))
    return image.convert(mode)


@pytest.mark.parametrize(("mode", "low"), [("RGBA", 0), ("RGBA", 254), ("LA", 9)])
def test_a_mask_is_looked_at_as_its_opacity(mode: str, low: int) -> None:
    grey = levels(png(cut(low, mode)))
    assert grey is not None
    assert opened(grey).mode == "L"
    assert opened(grey).tobytes() == cut(low).getchannel("A").tobytes()


def test_what_is_sent_has_that_opacity_and_no_colour() -> None:
    grey = levels(png(cut(0)))
    assert grey is not None
    sent = opened(stencil(grey))
    assert sent.getchannel("A").tobytes() == cut(0).getchannel("A").tobytes()
    assert sent.convert("RGB").getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("image", [photo(1), cut(255)], ids=["no alpha", "opaque"])
def test_a_mask_without_transparency_is_a_picture(image: Image.Image) -> None:
    assert levels(png(image)) is None


def test_a_pinned_mask_may_be_in_colours_by_then() -> None:
    sent = opened(stencil(encoded(photo(1).convert("L").convert("RGB"), "PNG")))
    assert sent.getchannel("A").tobytes() == photo(1).convert("L").tobytes()


@pytest.mark.parametrize("data", [b"", b"no picture", png(cut(0))[:-200]])
def test_a_broken_mask_is_an_error(data: bytes) -> None:
    for read in (levels, stencil):
        with pytest.raises(MediaError):
            read(data)
