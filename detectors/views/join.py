"""Texts that the model reads as one: a prompt with the words of its pictures.

A harmless prompt and a harmless title can ask for harm together (FigStep, arXiv:2311.05608), and a
sentence can be cut over parts and pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detectors.contract.exchange import Exchange, ImagePart, Message, Origin, Part, Role, TextPart

JOINED = "joined"
TURNS = "joined:turns"


def join(exchange: Exchange, derived: Mapping[str, Sequence[TextPart]]) -> tuple[TextPart, ...]:
    """For each message of a user its texts and its pictures' texts as one.

    ``derived`` maps the key of a picture to what was read from it. The last question is also
    joined with the pictures of the turns before it, which it may speak of.
    """
    asked = [message for message in exchange.messages if message.role is Role.USER]
    joined = [_joined(_pieces(message, derived), JOINED) for message in asked]
    if asked:
        earlier = [part for message in exchange.messages for part in message.parts]
        shown = [part for part in earlier if isinstance(part, ImagePart)]
        own = [part for part in asked[-1].parts if isinstance(part, TextPart)]
        if own and any(part not in asked[-1].parts for part in shown):
            joined.append(_joined([*own, *_read(shown, derived)], TURNS))
    return tuple(part for part in joined if part is not None)


def _pieces(message: Message, derived: Mapping[str, Sequence[TextPart]]) -> list[TextPart]:
    own = [part for part in message.parts if isinstance(part, TextPart)]
    return [*own, *_read(message.parts, derived)]


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
