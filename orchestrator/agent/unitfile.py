"""Read what a one-off command takes over from the app's unit file, so that the two cannot drift apart."""

from __future__ import annotations

_OWN = (
    "Type", "ExecStart", "ExecStop", "ExecReload", "ExecCondition", "Environment", "WorkingDirectory", "Restart",
    "RestartSec", "RestartSteps", "RestartMaxDelaySec", "TimeoutStartSec", "TimeoutStopSec", "NotifyAccess",
    "WatchdogSec", "Sockets", "NonBlocking", "SuccessExitStatus", "StandardOutput", "StandardError", "StandardInput",
    "SyslogIdentifier", "SyslogFacility", "MemoryMax", "MemoryHigh", "CPUQuota", "KillMode",
)  # fmt: skip
"""What belongs to the service's life, or is set for the release: everything else is user, sandbox and limits."""


def sandbox(text: str) -> list[str]:
    """Lines of [Service] that hold for a one-off command too, in their order."""
    section, lines = "", []
    for line in _joined(text):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and not _is_own(line.partition("=")[0].strip()):
            lines.append(line)
    return lines


def _is_own(name: str) -> bool:
    return name in _OWN or name.startswith(("ExecStart", "ExecStop", "EnvironmentFile"))


def _joined(text: str) -> list[str]:
    """Lines without comments; those that end in a backslash joined with the next."""
    lines = (line.strip() for line in text.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and line[0] not in "#;"]
