"""One stream of messages with Envoy: what is heard, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse

AHEAD: Final = 16
"""Messages that are taken in before they are looked at; then Envoy waits."""


class Wire:
    """Messages in the order in which they come and go.

    What is said is put down at once, and written by a task of its own: who hears a message and
    answers it may be cancelled before or after, never between.
    """

    def __init__(self) -> None:
        self._heard: asyncio.Queue[ProcessingRequest | None] = asyncio.Queue(AHEAD)
        self._said: asyncio.Queue[ProcessingResponse | None] = asyncio.Queue()

    async def hear(self) -> ProcessingRequest | None:
        """The next message; None once Envoy has ended the stream."""
        message = await self._heard.get()
        if message is None:
            self._heard.put_nowait(None)
        return message

    def say(self, message: ProcessingResponse) -> None:
        self._said.put_nowait(message)

    async def carry(
        self,
        messages: AsyncIterator[ProcessingRequest],
        write: Callable[[ProcessingResponse], Awaitable[None]],
        talk: Awaitable[None],
    ) -> None:
        """Carries messages both ways until the talk is over and all that it said is written."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(messages))
            tasks.create_task(self._write(write))
            await talk
            self._said.put_nowait(None)
            reading.cancel()

    async def _read(self, messages: AsyncIterator[ProcessingRequest]) -> None:
        async for message in messages:
            await self._heard.put(message)
        await self._heard.put(None)

    async def _write(self, write: Callable[[ProcessingResponse], Awaitable[None]]) -> None:
        while (message := await self._said.get()) is not None:
            await write(message)
