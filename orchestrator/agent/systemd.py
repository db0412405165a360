"""systemd, asked through its own programs."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.agent.failures import ReleaseFailed, UsageError
from orchestrator.agent.programs import Finished, Runner

_CURSOR = "-- cursor: "
_ABSENT = " not loaded."
"""How systemctl's one line about each unit ends that it was to stop and that does not exist."""


class Systemd:
    """What the agent needs of systemd."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def show(self, units: Sequence[str], properties: Sequence[str]) -> dict[str, dict[str, str]]:
        """Properties of some units by the units' names, in one call."""
        if not units:
            return {}
        wanted = ",".join(("Id", *properties))
        shown = self._checked(["systemctl", "show", f"--property={wanted}", *units])
        blocks = (dict(_pairs(block)) for block in shown.output.split("\n\n"))
        return {block["Id"]: block for block in blocks if "Id" in block}

    def active(self, unit: str) -> bool:
        """Whether a unit runs."""
        return self._run(["systemctl", "is-active", "--quiet", unit]).code == 0

    def start(self, units: Sequence[str], *, wait: bool = True) -> None:
        """Start units; with `wait` an exec that fails is an error."""
        if units:
            self._checked(["systemctl", "start", *(() if wait else ("--no-block",)), *units])

    def stop(self, units: Sequence[str], *, wait: bool = True) -> None:
        """Stop units, and with `wait` wait until they are stopped; units that do not exist are stopped.

        Not asked beforehand which exist: that would cost as long as the stop itself.
        """
        if not units:
            return
        arguments = ["systemctl", "stop", *(() if wait else ("--no-block",)), *units]
        done = self._run(arguments)
        complaints = done.errors.strip().splitlines()
        if done.code != 0 and not (complaints and all(line.endswith(_ABSENT) for line in complaints)):
            raise _refused(arguments, done)

    def forget_failures(self, units: Sequence[str]) -> None:
        """Reset the counters of failures and restarts; units that never ran have none."""
        if units:
            self._run(["systemctl", "reset-failed", *units])

    def reload(self) -> None:
        """Read changed unit files."""
        self._checked(["systemctl", "daemon-reload"])

    def reload_service(self, unit: str) -> None:
        """Have a service read its files anew."""
        self._checked(["systemctl", "reload", unit])

    def ask(self, arguments: Sequence[str]) -> Finished:
        """Run another program that knows the host; whatever it says."""
        return self._run(arguments)

    def run_transient(self, unit: str, command: Sequence[str], options: Sequence[str] = ()) -> None:
        """Run a command as a unit of its own, that outlives us; tried again where it is killed or fails.

        A unit of this name that is still there makes room. Not asked beforehand: systemd refuses a second one, and
        each question costs users 8 ms of a flip.
        """
        again = ["--property=Restart=on-failure", "--property=RestartSec=1"]
        arguments = [
            "systemd-run", f"--unit={unit}", "--collect", "--quiet", *again, *options, "--", *command,
        ]  # fmt: skip
        if self._run(arguments).code == 0:
            return
        old = [f"{unit}.timer", f"{unit}.service"]
        self.stop(old)
        self.forget_failures(old)
        self._checked(arguments)

    def run_to_end(self, unit: str, command: Sequence[str], options: Sequence[str]) -> Finished:
        """Run a command as a unit and wait for it; one of this name that still runs is stopped first."""
        self.stop([f"{unit}.service"])
        self.forget_failures([f"{unit}.service"])
        return self._run(
            [
                "systemd-run",
                f"--unit={unit}",
                "--wait",
                "--pipe",
                "--quiet",
                "--collect",
                *options,
                "--",
                *command,
            ]
        )

    def program(self, command: Sequence[str]) -> Finished:
        """Run one of the system's own programs; its answer, whatever its exit code."""
        return self._run(command)

    def run_checked(self, command: Sequence[str]) -> None:
        """Run one of systemd's own programs; it must succeed."""
        self._checked(command)

    def outdated(self, units: Sequence[str]) -> bool:
        """Whether a unit's files have changed since systemd read them."""
        shown = self.show(units, ["NeedDaemonReload"])
        return any(unit.get("NeedDaemonReload") == "yes" for unit in shown.values())

    def elapses(self, events: Sequence[str], after: float) -> float | None:
        """The first moment after another at which one of some calendar events comes (seconds since the epoch).

        None where none of them ever comes again.
        Raises: UsageError: no calendar event, as this host's systemd understands them.
        """
        asked = ["systemd-analyze", "calendar", f"--base-time=@{int(after)}", *events]
        shown = self._run(["env", "TZ=UTC", "LC_ALL=C", *asked])
        if shown.code != 0:
            raise UsageError("the schedule is wrong", why=shown.errors.strip() or shown.output.strip())
        found = (
            line.partition(": ")[2].strip() for line in shown.output.splitlines() if "Next elapse:" in line
        )
        moments = [_moment(text) for text in found if text != "never"]
        return min(moments, default=None)

    def journal(self, unit: str, lines: int, since: float) -> str:
        """What a unit itself wrote last, messages only; `since` in seconds since the epoch."""
        self._run(["journalctl", "--sync"])
        wanted = [f"_SYSTEMD_UNIT={unit}", f"--lines={lines}", f"--since=@{int(since)}"]
        return self._run(["journalctl", *wanted, "--output=cat", "--no-pager", "--quiet"]).output.rstrip("\n")

    def journal_from(self, unit: str, cursor: str, *, whole: bool) -> tuple[list[str], str]:
        """What a unit itself has written since a place in the journal; `whole` waits for what is still on its way.

        Returns: the lines, and the next place.
        """
        if whole:
            self._run(["journalctl", "--sync"])
        place = ["--after-cursor", cursor] if cursor else []
        wanted = [f"_SYSTEMD_UNIT={unit}", *place, "--output=cat", "--no-pager", "--quiet", "--show-cursor"]
        lines = self._run(["journalctl", *wanted]).output.splitlines()
        if not lines or not lines[-1].startswith(_CURSOR):
            return lines, cursor
        return lines[:-1], lines[-1].removeprefix(_CURSOR)

    def ends(self, unit: str, since: float) -> str:
        """How a unit's process ended last, in systemd's own words; empty where it did not. Out of memory is said so."""
        wanted = [f"UNIT={unit}", "_PID=1", f"--since=@{int(since)}", "--output=cat", "--no-pager", "--quiet"]
        lines = self._run(["journalctl", *wanted]).output.splitlines()
        telling = ("Main process exited", "Failed with result", "killed by the OOM killer")
        found = [line.removeprefix(f"{unit}: ") for line in lines if any(words in line for words in telling)]
        return "; ".join(dict.fromkeys(found[-3:]))

    def _checked(self, arguments: Sequence[str]) -> Finished:
        done = self._run(arguments)
        if done.code != 0:
            raise _refused(arguments, done)
        return done


def _refused(arguments: Sequence[str], done: Finished) -> ReleaseFailed:
    why = f"{' '.join(arguments[:2])} ended with {done.code}: {done.errors.strip()}"
    return ReleaseFailed("systemd refused", why=why)


def _pairs(block: str) -> Iterable[tuple[str, str]]:
    for line in block.splitlines():
        name, found, value = line.partition("=")
        if found:
            yield name, value


def _moment(text: str) -> float:
    """A moment as systemd writes it in UTC: "Wed 2023-11-15 03:00:00 UTC"."""
    return float(
        calendar.timegm(time.strptime(text.partition(".")[0].removesuffix(" UTC"), "%a %Y-%m-%d %H:%M:%S"))
    )


def number(text: str) -> int | None:
    """A counter of systemd; None where it says "[not set]" or infinity."""
    return int(text) if text.isdigit() and int(text) < 2**64 - 1 else None


def uptime_seconds(shown: Mapping[str, str]) -> float | None:
    """Since a unit became active, by its properties ActiveState and ActiveEnterTimestampMonotonic."""
    entered = number(shown.get("ActiveEnterTimestampMonotonic", "")) or 0
    active = shown.get("ActiveState") == "active" and entered > 0
    return round(time.monotonic() - entered / 1e6, 1) if active else None
