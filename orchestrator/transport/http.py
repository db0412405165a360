"""The proof: keep-alive GETs through every load balancer while a release changes over, each one counted.

Asked is `/`: nginx closes the health path to the public, and an answer of the app, be it its 404, is what shows that
nothing was lost. No retries: a request that gets no answer, or one of 500 and above, has failed. What nginx answers for
an app in maintenance says nothing about the release: it is counted apart. A modest rate, so that the proof is no load
test.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.model.change import Proof
from orchestrator.model.fleet import Host
from orchestrator.model.maintenance import HEADER
from orchestrator.transport import https

HTTP_PORT = 80
HTTPS_PORT = 443
CONNECTIONS = 2
"""Keep-alive connections to each load balancer (count)."""

PAUSE_SECONDS = 0.04
"""Between two requests of one connection: 25 a second, 50 a load balancer."""

TIMEOUT_SECONDS = 10
"""After this a request has failed."""

PATH = "/"
_FIRST_FAILURE = 500


@dataclass(frozen=True, slots=True)
class Target:
    """One load balancer as the probe sees it."""

    address: str
    port: int
    name: str
    """Value of the Host header."""

    pin: str = ""
    """SHA-256 of the certificate that the host says it has; empty: it is asked by HTTP."""

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """Not open yet."""
        if self.pin:
            return https.PinnedConnection(self.address, self.port, self.name, self.pin, timeout)
        return http.client.HTTPConnection(self.address, self.port, timeout=timeout)


def targets(balancers: tuple[Host, ...], domain: str, pins: Mapping[str, str]) -> tuple[Target, ...]:
    """One target for each load balancer; without a domain the address is the name.

    Args:
        balancers: All of the stage.
        domain: The app's first; may be empty.
        pins: Certificates of those that send users to HTTPS, by their name; the others are asked by HTTP.
    """
    return tuple(
        Target(host.address, HTTPS_PORT if pin else HTTP_PORT, domain or host.address, pin)
        for host in balancers
        for pin in (pins.get(host.name, ""),)
    )


class Probe:
    """Requests from threads, between `start` and `stop`."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets, self._over = targets, threading.Event()
        self._seconds: list[float] = []
        self._failures: list[str] = []
        self._closed = 0
        self._unreachable: list[str] = []
        self._threads: list[threading.Thread] = []
        self._well: dict[str, float] = {}

    def start(self, *, serving: bool) -> None:
        """Begin.

        Args:
            serving: Whether the app answers already: then a target that does not answer once is left out.
        """
        for target in self._targets:
            if serving and not reachable(target):
                self._unreachable.append(target.address)
                continue
            self._well[target.address] = time.monotonic()
            for _ in range(CONNECTIONS):
                thread = threading.Thread(target=self._loop, args=(target,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def silent_seconds(self) -> dict[str, float]:
        """For how long there has been no good answer, by address; only of load balancers that are probed."""
        now = time.monotonic()
        return {address: now - last for address, last in self._well.items()}

    def stop(self) -> Proof:
        """End, wait for the open requests, and say what was seen."""
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS + 1)
        times = sorted(self._seconds)
        return Proof(
            len(times), len(self._failures), _percentile(times, 0.5), _percentile(times, 0.99),
            tuple(sorted(set(self._failures))), tuple(self._unreachable), self._closed,
        )  # fmt: skip

    def _loop(self, target: Target) -> None:
        connection = target.connection(TIMEOUT_SECONDS)
        while not self._over.is_set():
            begin = time.monotonic()
            failure = _request(connection, target)
            if failure == HEADER:
                self._closed += 1
            else:
                self._seconds.append(time.monotonic() - begin)
            if failure and failure != HEADER:
                self._failures.append(failure)
                connection.close()
            else:
                self._well[target.address] = time.monotonic()
            self._over.wait(PAUSE_SECONDS)
        connection.close()


def reachable(target: Target) -> bool:
    """Whether one request is answered by the app, or for it while it is in maintenance."""
    connection = target.connection(TIMEOUT_SECONDS / 5)
    try:
        return _request(connection, target) in ("", HEADER)
    finally:
        connection.close()


def _request(connection: http.client.HTTPConnection, target: Target) -> str:
    """Send one request. Returns: why it failed; empty where it did not, HEADER where the app is in maintenance."""
    try:
        connection.request("GET", PATH, headers={"Host": target.name, "User-Agent": "vpsdeploy-probe"})
        response = connection.getresponse()
        response.read()
        if response.getheader(HEADER):
            return HEADER
    except (OSError, http.client.HTTPException) as error:
        return f"{target.address}: {type(error).__name__}: {error}"
    return f"{target.address}: answered {response.status}" if response.status >= _FIRST_FAILURE else ""


def _percentile(ordered: list[float], share: float) -> float:
    """By nearest rank, in milliseconds."""
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)
