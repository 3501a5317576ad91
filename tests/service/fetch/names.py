"""A name server on a real UDP socket, which may change its mind, and a resolver that asks it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Zone:
    """Names and the addresses that they have in turn: one for each question, the last for good."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.asked: list[str] = []
        self._names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    async def resolve(self, host: str, _: int) -> Sequence[str]:
        """Asks as a stub resolver does: one question for A (RFC 1035), no cache."""
        return await asyncio.to_thread(self._ask, host)

    def _ask(self, host: str) -> Sequence[str]:
        labels = b"".join(bytes([len(label)]) + label for label in host.encode().split(b"."))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.settimeout(10)
            question = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
            wire.sendto(question, self._socket.getsockname())
            answer = wire.recv(512)
        (count,) = struct.unpack_from("!H", answer, 6)
        records = [answer[at : at + 16] for at in range(len(question), len(answer), 16)]
        assert len(records) == count
        return [socket.inet_ntoa(record[12:]) for record in records]

    def _serve(self) -> None:
        while True:
            question, who = self._socket.recvfrom(512)
            if not question:
                return
            labels, at = [], 12
            while size := question[at]:
                labels.append(question[at + 1 : at + 1 + size].decode())
                at += 1 + size
            name = ".".join(labels)
            self.asked.append(name)
            turns = self._names[name]
            address = turns.pop(0) if len(turns) > 1 else turns[0]
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
            head = struct.pack("!2s5H", question[:2], 0x8180, 1, 1, 0, 0)
            self._socket.sendto(head + question[12:] + record, who)
