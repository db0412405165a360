"""What users do meanwhile: keep-alive GETs and POSTs through every load balancer, without retries, each with its time.

Every request has a path of its own, so that a failed one can be found in nginx's log: that says which host had it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

CLIENTS = 4
"""Keep-alive connections to each load balancer, half of them POSTs (count)."""

PAUSE_SECONDS = 0.02
"""Of one client between two requests: bounds the load, and leaves connections idle for a moment."""

TIMEOUT_SECONDS = 15.0
"""After this a request has failed: longer than nginx tries other hosts (10 s)."""

PREFIX = "/drill/"


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that a user did not get a good answer to.

    Attributes:
        balancer: The load balancer that it was sent to.
        path: Its own, under PREFIX.
        began: time.monotonic() when it was sent.
        ended: The same when it had failed.
        why: What came instead of a good answer.
    """

    balancer: str
    method: str
    path: str
    began: float
    ended: float
    why: str


class Load:
    """Clients from `with` to its end.

    Args:
        balancers: Addresses by name.
    """

    def __init__(self, balancers: Mapping[str, str]) -> None:
        self.failures: list[Failure] = []
        self.answered: list[tuple[float, str]] = []
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(name, address, n % 2 == 0), daemon=True)
            for name, address in balancers.items() for n in range(CLIENTS)
        ]  # fmt: skip

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS + 5)
        stuck = [thread for thread in self._threads if thread.is_alive()]
        assert not stuck, f"{len(stuck)} clients did not end"

    def served_since(self, moment: float, balancer: str) -> bool:
        """Whether a load balancer has answered a request that ended after a moment."""
        return any(ended > moment for ended, name in reversed(self.answered) if name == balancer)

    def _client(self, balancer: str, address: str, posts: bool) -> None:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        with closing(connection):
            while not self._over.is_set():
                path = f"{PREFIX}{time.time_ns()}-{next(self._numbers)}"
                began = time.monotonic()
                why = _ask(connection, path, posts=posts)
                ended = time.monotonic()
                if why:
                    method = "POST" if posts else "GET"
                    self.failures.append(Failure(balancer, method, path, began, ended, why))
                    connection.close()
                else:
                    self.answered.append((ended, balancer))
                self._over.wait(PAUSE_SECONDS)


def _ask(connection: http.client.HTTPConnection, path: str, *, posts: bool) -> str:
    """One request. Returns: why it failed; empty where it did not."""
    body = json.dumps({"sent": path}) if posts else None
    try:
        connection.request("POST" if posts else "GET", path, body)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    if not 200 <= answer.status < 300:
        return f"HTTP {answer.status}"
    return "" if body is None or content == body.encode() else f"answered {content[:80]!r}"
