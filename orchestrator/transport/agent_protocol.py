"""The agent's messages: a request line, answer lines, and errors in our classes. Pure."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.errors import (
    BackupFailed,
    HostNotReady,
    HostUnreachable,
    InternalError,
    LockHeld,
    ReleaseFailed,
    UsageError,
    VpsdeployError,
)
from orchestrator.secret import revealed

PROTOCOL = 1
PROGRAM = "/usr/local/bin/vpsdeploy-agent"
STREAMED = ("copy", "db-dump", "exec", "console", "cron-run", "logs")
"""Verbs that read or write a stream of their own; all others go through a session."""

BODIED = ("offer", "receive", "db-load")
"""Verbs whose request is followed by a body (transport/blocks.py)."""

_KINDS = {
    kind.__name__: kind
    for kind in (HostNotReady, ReleaseFailed, BackupFailed, LockHeld, UsageError, InternalError)
}
_KILLED = (128 + 9, 128 + 15)
"""Exit codes of what SIGKILL or SIGTERM ended. Source: sudo(8), Exit value; bash(1), Exit status."""
_SUDO_REFUSED = ("a password is required", "may not run", "not allowed to execute", "not in the sudoers")


def command(verb: str) -> str:
    """What is run over SSH; a verb is one of our own words, so it needs no quoting."""
    return f"sudo -n {PROGRAM} {verb}"


def request_line(app: str, by: str, fields: dict[str, Any]) -> bytes:
    """The request as one line of JSON. A Secret, wherever it stands, goes to the host as what it is."""
    request = {"protocol": PROTOCOL, "app": app, "by": by, **fields}
    return json.dumps(request, separators=(",", ":"), default=revealed).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any] | None:
    """One answer line; None where it is no object with an event (somebody's login banner)."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "event" in value else None


def error_from(host: str, answer: dict[str, Any]) -> VpsdeployError:
    """The agent's error line as our class, with the host set."""
    kind = _KINDS.get(str(answer.get("kind")), InternalError)
    texts = {name: str(answer.get(name) or "") for name in ("why", "state", "next")}
    return kind(str(answer.get("what") or "the agent failed"), host=host, **texts)


def was_killed(exit_code: int) -> bool:
    """Whether the agent's process was ended by somebody, the kernel included."""
    return exit_code in _KILLED


def no_answer(host: str, verb: str, exit_code: int, stderr: str) -> VpsdeployError:
    """The agent ended without an answer: not installed, not allowed, or broken."""
    provision = f"vpsdeploy provision host {host}"
    if any(sign in stderr for sign in _SUDO_REFUSED):
        return HostUnreachable(
            "sudo was refused", host=host, why=stderr, state="nothing was changed",
            next=f"not provisioned: run {provision}",
        )  # fmt: skip
    if "command not found" in stderr or "No such file" in stderr:
        return HostNotReady(
            "the host is not provisioned", host=host, why=stderr, state="nothing was changed", next=provision
        )
    if was_killed(exit_code):
        return HostNotReady(
            "the agent was killed, twice", host=host, why=f"{verb} ended with exit code {exit_code}: {stderr}",
            next=f"find out by whom (out of memory? `journalctl --dmesg` on {host}), then run the command again",
        )  # fmt: skip
    return InternalError(
        "the agent gave no answer", host=host, why=f"{verb} ended with exit code {exit_code}: {stderr or 'no output'}",
        next=f"{provision}, then run the command again",
    )  # fmt: skip
