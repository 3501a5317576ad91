import pytest

from detectors.media.sizes import Bound, SizeRule, bound_for


@pytest.mark.parametrize(
    ("model", "detail", "size", "expected"),
    [
        ("gpt-4o", "low", (1024, 768), (512, 384)),
        ("gpt-image-1", None, (1024, 1024), (1024, 1024)),
        ("dall-e-2", None, (4096, 1024), (2048, 512)),
        ("gpt-4o", "high", (4096, 2048), (1536, 768)),
        ("gpt-4o", "high", (1000, 3000), (682, 2048)),
        ("gpt-4o", "auto", (4000, 3000), (1024, 768)),
        ("gpt-4o", None, (640, 480), (640, 480)),
        ("openai/GPT-4o", "LOW", (1024, 1024), (512, 512)),
        ("gpt-5.4", "original", (4000, 2000), (4000, 2000)),
        ("gpt-5.4-mini", None, (9000, 1000), (6000, 666)),
        ("gpt-5.4", "high", (4000, 4000), (1600, 1600)),
        ("claude-sonnet-4-5", None, (3000, 1000), (1568, 522)),
        ("claude-sonnet-4-5", None, (1568, 1568), (1109, 1109)),
        ("anthropic/claude-opus-4-7", None, (3000, 3000), (2576, 2576)),
        ("gemini-2.5-pro", None, (4000, 3000), (3072, 2304)),
        ("some-local-model", None, (3000, 3000), (768, 768)),
        ("gpt-4o", "high", (100_000, 10), (2048, 1)),
    ],
)
def test_the_size_that_a_model_is_shown(
    model: str, detail: str | None, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert bound_for(model, detail).fit(*size) == expected


def test_an_operators_rules_come_first_and_the_table_stays() -> None:
    rules = (SizeRule(model="LLaVA*", long=672), SizeRule(model="gpt-4o", detail="low", long=256))
    assert bound_for("llava-1.6", "high", rules).fit(1344, 672) == (672, 336)
    assert bound_for("gpt-4o", "low", rules).fit(1024, 1024) == (256, 256)
    assert bound_for("gpt-4o", "high", rules).fit(1024, 1024) == (768, 768)


@pytest.mark.parametrize("name", ["long", "short", "area"])
def test_a_bound_below_one_pixel_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must be pixels"):
        Bound(**{name: 0})


def test_nothing_is_enlarged() -> None:
    assert Bound(long=2048, short=768, area=10_000_000).fit(3, 5) == (3, 5)
