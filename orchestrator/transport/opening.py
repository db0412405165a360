"""Something that is being opened in a thread of its own, while others go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Opened = TypeVar("Opened")


class Opening(Generic[Opened]):
    """Begins at once; whoever needs what is opened waits for it.

    Args:
        act: Opens it. Its thread is a daemon: a host that does not answer holds nobody up who wants to leave.
    """

    def __init__(self, act: Callable[[], Opened]) -> None:
        self._act = act
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._opened: Opened
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def failed(self) -> bool:
        """Whether it has ended, and badly."""
        return self._error is not None

    @property
    def succeeded(self) -> bool:
        """Whether it has ended, and well."""
        return self._ended.is_set() and not self.failed

    def result(self) -> Opened:
        """Wait for the end. Raises: what opening raised."""
        self._ended.wait()
        if self._error:
            raise self._error
        return self._opened

    def _run(self) -> None:
        try:
            self._opened = self._act()
        except BaseException as error:  # noqa: BLE001 - a thread must hand over whatever went wrong
            self._error = error
        self._ended.set()
