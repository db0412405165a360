"""A run of a cron entry that somebody asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        host: That runs the entry.
        release: Whose code ran.
        result: As systemd names it: "success", "exit-code", "timeout", "signal", "oom-kill".
        exit_status: The command's own; 124 where it took too long, 128 and the signal's number where one ended it.
    """

    name: str
    host: str
    release: str
    result: str
    exit_status: int
    seconds: float
