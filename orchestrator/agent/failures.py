"""Errors that the controller can read. The class names are those of the controller's own error tree.

AgentError
├── HostNotReady     not provisioned, another protocol, disk full
├── ReleaseFailed    a release step failed
├── BackupFailed     a backup, its verification, a restore or a drill failed
├── LockHeld         another release holds the app's lock
├── UsageError       the request is wrong
└── InternalError    our own mistake
"""

from __future__ import annotations

from typing import Any


class AgentError(Exception):
    """What failed, why, what is true now, what to do next; `facts` are further fields of the answer."""

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        state: str = "",
        next: str = "",  # noqa: A002 - the word of the protocol
        **facts: Any,
    ) -> None:
        super().__init__(what)
        self.what, self.why, self.state, self.next, self.facts = what, why, state, next, facts

    def answer(self) -> dict[str, Any]:
        """The line that ends a failed verb."""
        fields = {"what": self.what, "why": self.why, "state": self.state, "next": self.next}
        return {"event": "error", "kind": type(self).__name__, **fields, **self.facts}


class HostNotReady(AgentError):
    """The host lacks something: provisioning, Node, disk space."""


class ReleaseFailed(AgentError):
    """A release step failed."""


class BackupFailed(AgentError):
    """A backup, its verification, a restore or a drill failed."""


class LockHeld(AgentError):
    """Another release, rollback or maintenance holds the app's lock."""


class UsageError(AgentError):
    """The request is wrong; nothing was touched."""


class InternalError(AgentError):
    """An unexpected exception: our own mistake."""
