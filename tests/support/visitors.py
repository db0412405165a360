"""Users of an app while something happens to it: keep-alive clients without retries, and what each was answered."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from tests.support.vps import TIMEOUT_SECONDS

Connect = Callable[[], http.client.HTTPConnection]


@dataclass(frozen=True, slots=True)
class Client:
    """One of them.

    Attributes:
        connect: Makes the connection; it is opened by the first request, and anew after each that broke it.
        method: GET, or POST with a body.
        headers: Of each request.
    """

    connect: Connect
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


def readers_and_writers(connects: Iterable[Connect], **headers: str) -> list[Client]:
    """Two clients for each way to connect: one reads, one writes."""
    return [Client(connect, method, headers) for connect in connects for method in ("GET", "POST")]


def plain(address: str) -> Connect:
    """By HTTP to an address."""
    return lambda: http.client.HTTPConnection(address, timeout=20)


class Secure(http.client.HTTPConnection):
    """HTTPS to an address in a name; the certificate has to lead to the root."""

    def __init__(self, address: str, name: str, root: str) -> None:
        super().__init__(address, 443, timeout=20)
        self._name, self._context = name, ssl.create_default_context(cadata=root)

    def connect(self) -> None:
        """Open it; what the context does not trust is refused."""
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def ask(
    connect: Connect, path: str = "/", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer, on a connection of its own."""
    with closing(connect()) as connection:
        connection.request(method, path, body=b"x" if method == "POST" else None, headers=headers)
        answered = connection.getresponse()
        return answered.status, dict(answered.getheaders()), answered.read()


def status(answered: http.client.HTTPResponse) -> str:
    """The kind of an answer by its status alone."""
    return str(answered.status)


class Clients:
    """Clients from `with` to its end, a thread each.

    Args:
        clients: Who.
        kind: What an answer is counted as.
        pause_seconds: Of one client between two requests.

    Attributes:
        seen: Answers by their kind, broken connections by their error (count).
        seconds: How long each request took.
    """

    def __init__(
        self,
        clients: Iterable[Client],
        *,
        kind: Callable[[http.client.HTTPResponse], str] = status,
        pause_seconds: float = 0.005,
    ) -> None:
        self.seen: Counter[str] = Counter()
        self.seconds: list[float] = []
        self._kind, self._pause = kind, pause_seconds
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in clients]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def p99_ms(self) -> float:
        """Of the requests since the last question."""
        times, self.seconds = sorted(self.seconds), []
        return 1000 * times[int(0.99 * len(times))] if times else 0.0

    def _run(self, client: Client) -> None:
        with closing(client.connect()) as connection:
            while not self._over.is_set():
                begin = time.monotonic()
                self.seen[self._one(connection, client)] += 1
                self.seconds.append(time.monotonic() - begin)
                self._over.wait(self._pause)

    def _one(self, connection: http.client.HTTPConnection, client: Client) -> str:
        body = b"x" if client.method == "POST" else None
        try:
            connection.request(client.method, "/", body=body, headers=dict(client.headers))
            answered = connection.getresponse()
            answered.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{type(error).__name__}: {error}"
        return self._kind(answered)
