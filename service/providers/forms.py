"""Forms (``multipart/form-data``, RFC 7578) as JSON, and back: one way leads through the gate.

A field of text is a string. A file is an object: its ``filename``, and its bytes with their media
type as a data URI in ``file_data``. Fields called ``name[]`` are a list under ``name``. What is
sent on is written anew from this, so that nobody reads in it what was not read here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from detectors.media.decode import MediaError, data_uri
from service.errors import Malformed
from service.providers.fields import Object, as_object, as_text
from service.providers.strict_json import Json, pointer

FORM: Final = "multipart/form-data"
UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
PLAIN_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})
MOST_FIELDS: Final = 256
MOST_HEADERS: Final = 8  # of a field; three have a meaning
MOST_HEADER: Final = 4096  # bytes
SEVERAL: Final = "[]"
NAME: Final = "filename"
DATA: Final = "file_data"
UNSAID: Final = "application/octet-stream"
_UNSAFE: Final = frozenset('"\\\x7f') | {chr(code) for code in range(32)}


def parse(raw: bytes, content_type: str) -> Object:
    """The form that ``raw`` spells; ``content_type`` is the request's header, with the boundary.

    Raises:
        Malformed: it is no such form, or one that could be read in two ways.
    """
    kind, options = header(content_type, "the content-type")
    boundary = options.get("boundary", "")
    if kind != FORM:
        raise Malformed(f"this endpoint takes a form: send it as {FORM}")
    if not boundary:
        raise Malformed("the content-type names no boundary, so the form cannot be read")
    as_utf_8(options, None)
    form: Object = {}
    for headers, data in pieces(raw, boundary.encode()):
        _put(form, *_field(headers, data))
    return form


def dump(form: Json) -> tuple[str, bytes]:
    """The content type and the bytes of a form that ``parse`` gave, or that was made as it gives.

    The boundary is a hash of what stands between, so it cannot stand there.
    """
    parts: list[bytes] = []
    for name, value in as_object(form, "").items():
        if isinstance(value, list):
            parts.extend(_written(name + SEVERAL, each) for each in value)
        else:
            parts.append(_written(name, value))
    boundary = sha256(b"".join(parts)).hexdigest()
    line = f"--{boundary}".encode()
    body = b"".join(b"%b\r\n%b\r\n" % (line, part) for part in parts) + line + b"--\r\n"
    return f"{FORM}; boundary={boundary}", body


def file(name: str, data: bytes, media_type: str) -> Object:
    """A file as it stands in a form."""
    return {NAME: name, DATA: uri(data, media_type)}


def uri(data: bytes, media_type: str) -> str:
    """Bytes as a data URI."""
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def as_file(value: Json, at: str) -> Object:
    """``value``, if it is a file."""
    if not isinstance(value, dict):
        raise Malformed("a file is expected: a field of the form with a filename", at)
    return value


def pieces(raw: bytes, boundary: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """The headers, in lower case, and the bytes of each part. Raises ``Malformed``."""
    told = _Told()
    try:
        told.read(raw, boundary)
    except FormParserError as error:
        place = f" at byte {error.offset}" if isinstance(error, MultipartParseError) else ""
        raise Malformed(f"the form is broken{place}") from None
    if not told.ended:
        raise Malformed("the form breaks off before its last boundary")
    yield from told.parts


class _Told:
    """What the parser tells of a form."""

    def __init__(self) -> None:
        self.parts: list[tuple[dict[str, str], bytes]] = []
        self.ended = False
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._data: list[bytes] = []

    def read(self, raw: bytes, boundary: bytes) -> None:
        """Reads all of it. Raises ``FormParserError``, ``Malformed``."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._named,
                "on_header_value": self._valued,
                "on_header_end": self._header,
                "on_part_data": self._more,
                "on_part_end": self._end,
                "on_end": self._over,
            },
            max_header_count=MOST_HEADERS,
            max_header_size=MOST_HEADER,
        )
        parser.write(raw)

    def _begin(self) -> None:
        if len(self.parts) >= MOST_FIELDS:
            raise Malformed(f"the form has more than {MOST_FIELDS} fields")
        self._headers, self._data = {}, []

    def _named(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _valued(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        name, value = self._name.decode("latin-1").lower(), _utf_8(self._value, "a header")
        if name in self._headers:
            raise Malformed(f"a field of the form has the header {name[:32]} twice")
        self._headers[name], self._name, self._value = value, b"", b""

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _end(self) -> None:
        self.parts.append((self._headers, b"".join(self._data)))

    def _over(self) -> None:
        self.ended = True


def _field(headers: dict[str, str], data: bytes) -> tuple[str, Json]:
    """A field's name, and its text or file."""
    kind, options = header(headers.get("content-disposition", ""), "a content-disposition")
    name = options.get("name", "")
    if kind != "form-data" or not name.removesuffix(SEVERAL):
        raise Malformed("each field of the form needs a content-disposition with a name")
    at = pointer(name.removesuffix(SEVERAL))
    _safe(name, "the field's name", None)
    said, more = header(headers.get("content-type", ""), "a content-type")
    if said.startswith("multipart/"):
        raise Malformed("a form within the form is not read: send each file as its own field", at)
    if headers.get("content-transfer-encoding", "binary").strip().lower() not in PLAIN_ENCODINGS:
        raise Malformed("a field in a content-transfer-encoding is not read: send its bytes", at)
    if NAME in options:
        return name, file(_safe(options[NAME], "the file's name", at), data, said or UNSAID)
    as_utf_8(more, at)
    return name, _utf_8(data, "the field", at)


def _put(form: Object, name: str, value: Json) -> None:
    bare = name.removesuffix(SEVERAL)
    several = form.setdefault(bare, []) if bare != name else None
    if isinstance(several, list):
        several.append(value)
    elif bare in form:
        again = f"{bare}{SEVERAL}"
        raise Malformed(
            f"the form has the same field twice: send several as {again}", pointer(bare)
        )
    else:
        form[name] = value


def _written(name: str, value: Json) -> bytes:
    """A field with its headers."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if not isinstance(value, dict):
        return f"{head}\r\n\r\n".encode() + as_text(value, pointer(name)).encode()
    try:
        data, kind = data_uri(as_text(value.get(DATA), pointer(name, DATA)))
    except MediaError as error:
        raise Malformed(f"the file cannot be read: {error}", pointer(name)) from None
    told = as_text(value.get(NAME), pointer(name, NAME))
    return f'{head}; {NAME}="{told}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + data


def header(value: str, what: str) -> tuple[str, dict[str, str]]:
    """A header's word and its parameters, in their names lower case. Raises ``Malformed``."""
    try:
        kind, options = parse_options_header(value.encode().decode("latin-1"))
        return kind.decode().strip(), {
            key.decode().strip().lower(): each.decode() for key, each in options.items()
        }
    except (UnicodeError, ValueError):
        raise Malformed(f"{what} cannot be read") from None


def as_utf_8(options: dict[str, str], at: str | None) -> None:
    """Raises ``Malformed`` if a header's parameters name another charset."""
    charset = options.get("charset", "utf-8").lower()
    if charset not in UTF_8:
        raise Malformed("only UTF-8 is read: send the form in that charset", at)


def _utf_8(data: bytes, what: str, at: str | None = None) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8 (byte {error.start})", at) from None


def _safe(name: str, what: str, at: str | None) -> str:
    """A name that every reader of a header reads alike."""
    if _UNSAFE & set(name):
        raise Malformed(f"{what} holds a quotation mark, a backslash or a control character", at)
    return name
