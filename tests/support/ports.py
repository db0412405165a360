"""Which TCP ports of a host are there for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

_AT_ONCE = 4000


async def scan(address: str, expected: Collection[int]) -> set[int]:
    """The ports of 1 to 65535 that answer at all, open or refused; those that are expected are waited for longer."""
    found: set[int] = set()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(port: int, patience: float) -> None:
        async with slots:
            with suppress(TimeoutError, OSError):
                try:
                    _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), patience)
                    writer.close()
                except ConnectionRefusedError:
                    pass
                found.add(port)

    await asyncio.gather(*(ask(port, 1) for port in range(1, 65536)))
    await asyncio.gather(*(ask(port, 5) for port in expected))
    return found
