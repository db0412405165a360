"""Whether a host is still what its last converge made of it: what to ask, and the answer."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from orchestrator.model.fleet import Host
from orchestrator.transport import agent_protocol

TIMEOUT_SECONDS = 30
"""Longest audit; a host that takes longer is left to Ansible (our choice; it takes 0.3 s)."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the host found.

    Attributes:
        fingerprint: Of the last converge of the whole host; empty where there was none.
        recorded: Calls of it that left a record: "preflight" and the roles.
        differences: What is not as they asked, one text each.
        withheld: Settings that they asked for and that the host has no say in.
        alerted: Apps whose troubles the host tells somebody.
    """

    fingerprint: str
    recorded: frozenset[str]
    differences: tuple[str, ...]
    withheld: tuple[str, ...] = ()
    alerted: frozenset[str] = frozenset()


def question(host: Host) -> str:
    """A shell command that never fails, for the login that Ansible uses."""
    request = agent_protocol.request_line("", "", {}).decode().strip()
    sudo = "" if host.user == "root" else "sudo -n "
    asked = f"timeout {TIMEOUT_SECONDS} {sudo}{agent_protocol.PROGRAM} audit"
    return f"test ! -x {agent_protocol.PROGRAM} || printf '%s\\n' {shlex.quote(request)} | {asked} || true"


def parse(said: str) -> Audit | None:
    """The answer; None where the host has no agent, an agent of another version, or one that failed."""
    lines = (agent_protocol.parse_line(line.encode()) for line in said.splitlines())
    answer = next((line for line in lines if line and line["event"] == "result"), None)
    if answer is None or "fingerprint" not in answer:
        return None
    return Audit(
        answer["fingerprint"], frozenset(answer["recorded"]), tuple(answer["differences"]),
        tuple(answer.get("withheld", ())), frozenset(answer.get("alerted", ())),
    )  # fmt: skip
