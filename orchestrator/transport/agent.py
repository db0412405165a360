"""Calling verbs of the agent on many hosts (protocol: docs/internals.md).

`Fleet` is what workflows see; tests put a fleet in memory in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

Answer = dict[str, Any]
OnEvent = Callable[[str, Answer], None]
"""Called with the host's name and each progress event."""


class Fleet(Protocol):
    """The hosts of one stage, as one app sees them."""

    def call(
        self,
        host: str,
        verb: str,
        request: Answer,
        *,
        body: Iterable[bytes] = (),
        on_event: OnEvent | None = None,
    ) -> Answer:
        """Carry out one verb on one host; called from several threads, one a host.

        Args:
            host: Inventory name.
            verb: Of the protocol's table.
            request: Its fields, without protocol, app and by.
            body: Blocks after the request line (`offer`, `receive`), without the end.
            on_event: Told about progress events.
        Returns: The result's fields.
        Raises: VpsdeployError: the agent's error in our class, or HostUnreachable.
        """

    def read(self, host: str, verb: str, request: Answer) -> Iterator[bytes]:
        """Carry out a verb whose answer is a stream of bytes.

        Raises: VpsdeployError: also at the end, where the verb failed midway.
        """

    def open(self, host: str) -> None:
        """Connect now: so that all hosts are known to be reachable before the first verb."""

    def forget(self, host: str) -> None:
        """Drop the connection to a host that restarts: its next verb logs in anew."""

    def close(self) -> None:
        """Close every connection."""
