"""A file of OpenAI's or Anthropic's that is fetched: what a batch answered, or any other.

What a batch answered is read line by line (``batch_answers.py``). Any other file is a picture or a
document, by what its name, its media type and its first bytes say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message as EmailMessage
from email.utils import collapse_rfc2231_value
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Role, Stage
from detectors.media.formats import FORMATS, named
from service.errors import GlassgateError
from service.providers import batch_answers, forms
from service.providers.base import Assembly, Provider
from service.providers.deltas import Chunks
from service.providers.fields import as_object, rest
from service.providers.forms import DATA, NAME, UNSAID
from service.providers.openai_files import OpenAIFiles, held
from service.providers.openai_texts import Wordless
from service.providers.strict_json import Json

_KIND: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")


class OpenAIFileContent(Wordless):
    """``GET /v1/files/{id}/content``. Its requests hold nothing that a model reads."""

    dialect = "openai_file_content"

    def called(self, name: str, query: str) -> Provider:  # noqa: ARG002 - neither changes it
        return self

    def read(self, body: Json) -> Exchange:
        parts = tuple(rest(as_object(body, ""), "", Origin.USER, frozenset()))
        messages = (Message(role=Role.USER, parts=parts),) if parts else ()
        return Exchange(dialect=self.dialect, model="", stage=Stage.REQUEST, messages=messages)

    def opened(self, raw: bytes, headers: Sequence[tuple[str, str]]) -> Json:
        said = dict(headers)
        name, *others = _names(said.get("content-disposition", "")) or [""]
        kind = said.get("content-type", "").partition(";")[0].strip().lower()
        kind = kind if _KIND.fullmatch(kind) and kind != "binary/octet-stream" else UNSAID
        picture = named(raw)
        if kind == UNSAID and picture is not None:
            kind = FORMATS[picture].media_type
        file = forms.file(name, raw, kind) if raw else {NAME: name}
        return {"file": {**file, "names": [*others]}}

    def read_answer(self, answer: Json) -> Exchange:
        file = forms.as_file(as_object(answer, "").get("file"), "/file")
        parts = (
            held(file, Origin.MODEL)
            if DATA in file
            else rest(file, "/file", Origin.MODEL, frozenset())
        )
        return Exchange(
            dialect=self.dialect,
            model="",
            stage=Stage.RESPONSE,
            messages=(Message(role=Role.ASSISTANT, parts=tuple(parts)),),
        )

    def lines(self, raw: bytes) -> Sequence[bytes] | None:
        return batch_answers.lines(raw)

    def read_line(self, line: Json) -> Exchange:
        return batch_answers.read(line, self.dialect)

    def refused_line(self, line: Json, message: str, call: str, created: int) -> Json:
        return batch_answers.refused(line, message, call, created)

    def failed_line(self, line: Json, error: GlassgateError) -> Json:
        return batch_answers.failed(line, error)

    def assembly(self) -> Assembly:
        return Chunks(frozenset())

    def error(self, error: GlassgateError) -> Json:
        return OpenAIFiles().error(error)


def _names(disposition: str) -> list[str]:
    """The names that a Content-Disposition gives a file (RFC 6266), the plain before the encoded.

    It may give two, of which clients take either.
    """
    head = EmailMessage()
    head["content-disposition"] = disposition
    found = head.get_params([], "content-disposition")
    return [collapse_rfc2231_value(value) for name, value in found if name.lower() == NAME]
