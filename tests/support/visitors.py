"""Users of an app that may be in maintenance: what each of them is answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from contextlib import closing

from tests.support.vps import TIMEOUT_SECONDS


def ask(address: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer on /."""
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(method, "/", body=b"x" if method == "POST" else None)
        answered = connection.getresponse()
        return answered.status, dict(answered.getheaders()), answered.read()


class Clients:
    """Keep-alive clients without retries: each answer by its kind, each broken connection by its error."""

    def __init__(self, targets: list[str]) -> None:
        self.seen: Counter[str] = Counter()
        self._over = threading.Event()
        methods = ("GET", "POST")
        self._threads = [
            threading.Thread(target=self._run, args=(address, method))
            for address in targets
            for method in methods
        ]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def _run(self, address: str, method: str) -> None:
        connection = http.client.HTTPConnection(address, timeout=20)
        while not self._over.is_set():
            try:
                connection.request(method, "/", body=b"x" if method == "POST" else None)
                answered = connection.getresponse()
                answered.read()
            except (OSError, http.client.HTTPException) as error:
                self.seen[f"{type(error).__name__}: {error}"] += 1
                connection.close()
            else:
                closed = answered.getheader("Vpsdeploy-Maintenance"), answered.getheader("Retry-After")
                self.seen[f"{answered.status} {closed}"] += 1
            time.sleep(0.005)
        connection.close()
