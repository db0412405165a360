"""A load with nothing to hide behind: keep-alive connections, GET and POST, no retries.

Every request that does not get a 2xx answer counts as failed, and so does every connection that breaks.
Runs until it is told to stop, or `seconds` have passed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from dataclasses import dataclass, field

BODY = json.dumps({"hello": "nest"})
TIMEOUT_SECONDS = 20.0
PAUSE_SECONDS = 0.005
"""Pause of one client between two requests: bounds the load, and leaves connections idle for a moment."""


@dataclass(slots=True)
class Tally:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def percentile_ms(self, share: float) -> float:
        """Latency that `share` of the requests stayed below, in milliseconds; 0 without requests."""
        ordered = sorted(self.seconds)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1) if ordered else 0.0

    def proof(self) -> str:
        """The line that the demo ends with."""
        p50, p99 = self.percentile_ms(0.50), self.percentile_ms(0.99)
        return f"proof: {len(self.seconds)} requests, {len(self.failures)} failed, p50 {p50} ms, p99 {p99} ms"


class Load:
    """Clients on keep-alive connections; use as a context manager around what must not drop a request."""

    def __init__(
        self, address: str, *, host: str = "", port: int = 80, clients: int = 8, seconds: float = 300
    ) -> None:
        self.tally = Tally()
        self._target = (address, port)
        self._headers = {"Host": host or address}
        self._until = time.monotonic() + seconds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(n % 2 == 0,), daemon=True) for n in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, posts: bool) -> None:
        connection = http.client.HTTPConnection(*self._target, timeout=TIMEOUT_SECONDS)
        while not self._stop.is_set() and time.monotonic() < self._until:
            begin = time.monotonic()
            failure = self._request(connection, posts)
            self.tally.seconds.append(time.monotonic() - begin)
            if failure:
                self.tally.failures.append(f"{'POST' if posts else 'GET'}: {failure}")
                connection.close()
            self._stop.wait(PAUSE_SECONDS)
        with contextlib.suppress(OSError):
            connection.close()

    def _request(self, connection: http.client.HTTPConnection, posts: bool) -> str:
        """One request; the reason why it failed, or an empty text."""
        try:
            if posts:
                connection.request(
                    "POST", "/echo", BODY, {**self._headers, "Content-Type": "application/json"}
                )
            else:
                connection.request("GET", "/version", headers=self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
