"""gate: wait until every instance of a pool answers its health path."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Any

from orchestrator.agent import pools
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.systemd import number

_ATTEMPT_SECONDS = 5.0
"""Longest wait for one answer: a readiness check that takes longer would not carry traffic either."""
_ACCEPT_SECONDS = 1.0
"""Longest wait to be accepted, which takes microseconds on loopback. A kernel with tcp_rfc1337 leaves some connections
to a port that was just closed unanswered: one attempt would take what the gate has."""
_TELLING_SECONDS = 1.0
"""Shortest wait that says something: a busy machine may need longer than what the gate's end leaves of the last one."""
_FIRST_PAUSE_SECONDS = 0.02
"""Pause after the first attempt; each is twice the one before, up to the interval: a quick boot is seen at once."""
_LOOK_SECONDS = 0.25
_STUCK_SECONDS = 1.0
_JOURNAL_LINES = 20
_SHOWN = ("ActiveState", "SubState", "NRestarts", "ExecMainStatus", "ExecMainStartTimestampMonotonic")


def gate(call: Call) -> dict[str, Any]:
    """Poll all instances at once. A crash, or one that does not pass in time, fails the gate."""
    pool = pools.read(call.app)[call.request.colour]
    if pool is None:
        raise ReleaseFailed("health check failed", why=f"no {call.request.colour} pool runs on this host")
    path = call.request.url_path("path")
    probes = [_Probe(call, port, path) for port in pool.ports]
    for probe in probes:
        probe.start()
    units = _watch(call, probes)
    return {"instances": [{**probe.passed, "boot_seconds": _boot(probe, units)} for probe in probes]}


class _Probe(threading.Thread):
    """Polls one instance. `passed` is set when it answered well, `last` is what it did instead."""

    def __init__(self, call: Call, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self.port, self._path = port, path
        self.unit = call.app.unit(port)
        self.limit = call.request.seconds("timeout_seconds", most=3600)
        self._interval = max(_FIRST_PAUSE_SECONDS, call.request.seconds("interval_seconds", most=3600))
        self._began = time.monotonic()
        self._attempts = 0
        self.passed: dict[str, Any] = {}
        self.passed_at = 0.0
        self.last = f"nothing listens on 127.0.0.1:{port}"

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self._left() <= 0

    @property
    def stuck(self) -> bool:
        """Whether an answer comes in so slowly that each byte begins a new wait."""
        return self._left() <= -_STUCK_SECONDS

    def run(self) -> None:
        """Poll until it passes or the time is up."""
        pause = _FIRST_PAUSE_SECONDS
        while not self.late:
            self._attempts += 1
            status = self._ask()
            if 200 <= status < 300:
                self.passed_at = time.monotonic()
                seconds = round(self.passed_at - self._began, 3)
                self.passed = {"port": self.port, "seconds": seconds, "attempts": self._attempts}
                return
            time.sleep(max(0.0, min(pause, self._left())))
            pause = min(2 * pause, self._interval)

    def _left(self) -> float:
        return self._began + self.limit - time.monotonic()

    def _ask(self) -> int:
        """One request. Returns: its status; 0 where there was none, then `last` says why."""
        url = f"GET http://127.0.0.1:{self.port}{self._path}"
        longest = max(0.05, min(_ATTEMPT_SECONDS, self._left()))
        wait = min(_ACCEPT_SECONDS, longest)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=wait)
        done = "was not accepted"
        try:
            connection.connect()
            done, wait = "was accepted, but not answered", longest
            connection.sock.settimeout(wait)
            connection.request(
                "GET", self._path, headers={"Connection": "close", "User-Agent": "vpsdeploy-gate"}
            )
            status = connection.getresponse().status
            self.last = f"{url} answered {status}"
        except ConnectionRefusedError:
            status, self.last = 0, f"nothing listens on 127.0.0.1:{self.port}"
        except TimeoutError:
            status = 0
            # Else what was seen before tells more.
            if self._attempts == 1 or wait >= min(_TELLING_SECONDS, self.limit / 4):
                self.last = f"{url} {done} (last wait {wait:.1f} s)"
        except (OSError, http.client.HTTPException) as error:
            status, self.last = 0, f"{url} was cut off: {type(error).__name__} {error}".rstrip()
        finally:
            connection.close()
        return status


def _watch(call: Call, probes: list[_Probe]) -> dict[str, dict[str, str]]:
    """Returns: what systemd shows of the units, asked after the last of them has passed."""
    told: set[int] = set()
    look_at = time.monotonic() + _LOOK_SECONDS  # a warm pool has passed by then
    while waiting := [probe for probe in probes if not probe.passed]:
        if time.monotonic() >= look_at:
            _fail_on_crash(call, probes)
            look_at = time.monotonic() + _LOOK_SECONDS
        late = next(
            (one for one in waiting if one.late and (one.stuck or not one.is_alive()) and not one.passed),
            None,
        )
        if late:
            raise _failed(late, f"{late.last} for {late.limit:g} s (limit {late.limit:g} s)")
        waiting[0].join(0.02)
        _tell(call, probes, told)
    _tell(call, probes, told)
    return _fail_on_crash(call, probes)


def _boot(probe: _Probe, units: dict[str, dict[str, str]]) -> float:
    """From the start of the process to its first good answer. systemd and Python both read CLOCK_MONOTONIC."""
    started = number(units[probe.unit]["ExecMainStartTimestampMonotonic"]) or 0
    return round(probe.passed_at - started / 1e6, 3)


def _tell(call: Call, probes: list[_Probe], told: set[int]) -> None:
    for probe in probes:
        if probe.passed and probe.port not in told:
            told.add(probe.port)
            call.answers.progress(unit=probe.unit, **probe.passed)


def _fail_on_crash(call: Call, probes: list[_Probe]) -> dict[str, dict[str, str]]:
    """`start` has set the counters of restarts to 0, so any restart is a crash of this release."""
    shown = call.systemd.show([probe.unit for probe in probes], _SHOWN)
    for probe in probes:
        unit = shown[probe.unit]
        restarts = number(unit["NRestarts"]) or 0
        if (
            restarts
            or unit["ActiveState"] not in ("active", "activating")
            or unit["SubState"] == "auto-restart"
        ):
            raise _failed(probe, _obituary(call, probe, unit, restarts))
    return shown


def _obituary(call: Call, probe: _Probe, unit: dict[str, str], restarts: int) -> str:
    """How an instance ended, with what it wrote since `start` made its slot.

    systemd forgets the exit status when it starts the unit again, so a status of 0 says nothing.
    """
    started = (call.app.slot(probe.port) / "env").stat().st_mtime
    journal = call.systemd.journal(probe.unit, _JOURNAL_LINES, started) or "(it wrote nothing)"
    status = f", exit status {unit['ExecMainStatus']}" if unit["ExecMainStatus"] != "0" else ""
    how = f"state {unit['SubState']}, {restarts} restarts{status}"
    return f"{probe.unit.removesuffix('.service')} crashed ({how}); its last lines:\n{journal}"


def _failed(probe: _Probe, why: str) -> ReleaseFailed:
    instance = probe.unit.removesuffix(".service")
    return ReleaseFailed("health check failed", why=why, instance=instance, port=probe.port)
