"""Texts that the model reads as one: a prompt with the words of its pictures, turns that follow.

A harmless prompt and a harmless title can ask for harm together (FigStep, arXiv:2311.05608), and a
sentence can be cut over parts, pictures and turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from detectors.contract.exchange import Exchange, ImagePart, Message, Origin, Part, Role, TextPart

JOINED: Final = "joined"
TURNS: Final = "joined:turns"
EARLIER: Final = "joined:earlier"
LAST_TURNS: Final = 4
LAST_CHARACTERS: Final = 1500
"""A user's last turns are joined as far back as they are few and short: what is cut up is short."""


def join(exchange: Exchange, derived: Mapping[str, Sequence[TextPart]]) -> tuple[TextPart, ...]:
    """For each message of a user its texts and its pictures' texts as one; and the last turns.

    ``derived`` maps the key of a picture to what was read from it. The last question is also
    joined with the pictures of the turns before it, which it may speak of.
    """
    asked = [message for message in exchange.messages if message.role is Role.USER]
    joined = [_joined(_pieces(message, derived), JOINED) for message in asked]
    if len(asked) > 1:
        joined.append(_joined(_last_turns(asked), TURNS))
    if asked:
        earlier = [part for message in exchange.messages for part in message.parts]
        shown = [part for part in earlier if isinstance(part, ImagePart)]
        own = _texts(asked[-1])
        if own and any(part not in asked[-1].parts for part in shown):
            joined.append(_joined([*own, *_read(shown, derived)], EARLIER))
    return tuple(part for part in joined if part is not None)


def _last_turns(asked: Sequence[Message]) -> list[TextPart]:
    """The texts of a user's last turns, in their order; the last turn whatever its length."""
    turns = [_texts(message) for message in asked[-LAST_TURNS:]]
    sizes = accumulate(sum(len(text.text) for text in turn) for turn in reversed(turns))
    few = max(1, sum(size <= LAST_CHARACTERS for size in sizes))
    return [text for turn in turns[-few:] for text in turn] if few > 1 else []


def _texts(message: Message) -> list[TextPart]:
    return [part for part in message.parts if isinstance(part, TextPart)]


def _pieces(message: Message, derived: Mapping[str, Sequence[TextPart]]) -> list[TextPart]:
    return [*_texts(message), *_read(message.parts, derived)]


def _read(parts: Sequence[Part], derived: Mapping[str, Sequence[TextPart]]) -> list[TextPart]:
    return [text for part in parts for text in derived.get(part.key, ())]


def _joined(pieces: Sequence[TextPart], method: str) -> TextPart | None:
    pieces = [piece for piece in pieces if piece.text.strip()]
    if len(pieces) < 2:  # noqa: PLR2004 - one piece is judged as it stands
        return None
    return TextPart(
        pointer=pieces[0].pointer,
        origin=Origin.USER,
        parent=pieces[0].key,
        method=method,
        text="\n".join(piece.text for piece in pieces),
    )
