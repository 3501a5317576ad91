"""The dialects, and which tests run over which of them."""

from __future__ import annotations

import pytest

from tests.dialects.chat import Chat
from tests.dialects.completions import Completions
from tests.dialects.dialect import Dialect
from tests.dialects.gemini import Gemini
from tests.dialects.messages import Messages
from tests.dialects.responses import Responses

DIALECTS: tuple[Dialect, ...] = (Chat(), Responses(), Messages(), Gemini(), Completions())


def that_can(*things: str) -> pytest.MarkDecorator:
    """A test for every dialect that knows these things; for all, if none is named."""
    able = [dialect for dialect in DIALECTS if dialect.can.issuperset(things)]
    return pytest.mark.parametrize("dialect", able, ids=lambda dialect: dialect.name)
