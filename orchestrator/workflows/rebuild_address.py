"""Where a rebuilt host is from now on: whether that can be, and the line of the inventory that says it."""

from __future__ import annotations

from orchestrator.config import inventory_edit
from orchestrator.config.connection import is_address
from orchestrator.errors import UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.report.reporter import Reporter
from orchestrator.transport import ssh_accept
from orchestrator.workflows import provision


def check(stage: Stage, lost: Host, new: Host, private: str) -> None:
    """See that the new host can take the lost one's name.

    Args:
        stage: With the lost host in it.
        lost: The host as the inventory has it.
        new: The same with its new addresses.
        private: The private address that the command line names.
    Raises: UsageError: nothing was touched.
    """
    for one in filter(None, (new.address, private)):
        if not is_address(one):
            raise UsageError(f"{one[:60]!r} is no address", why="it is an IP address or a host name")
    other = next((one for one in stage.hosts if one.address == new.address and one.name != lost.name), None)
    if other:
        raise UsageError(
            f"{new.address} is {other.name}", why="a rebuild takes an empty host", state="nothing was touched"
        )
    provision.refuse_placeholders(stage, (new,))
    if _has_private(lost) and not private and new.address != lost.address:
        raise UsageError(
            "which private address has the new host?",
            why=f"the inventory has vpsdeploy_private_address {lost.private_address} for {lost.name}",
            state="nothing was touched",
            next=f"--private-address {lost.private_address}, where it was moved along",
        )  # fmt: skip


def inventory(stage: Stage, lost: Host, new: Host) -> str:
    """The inventory's new text; empty where it need not change.

    Raises: ConfigError: it has to be edited by hand.
    """
    changes = {}
    if new.address != lost.address:
        changes[inventory_edit.ADDRESS] = new.address
    if _has_private(lost) and lost.private_address != new.private_address:
        changes[inventory_edit.PRIVATE] = new.private_address
    return inventory_edit.moved(stage, lost.name, changes) if changes else ""


def told(stage: Stage, lost: Host, new: Host) -> str:
    """That the inventory has changed."""
    shown = stage.path.relative_to(stage.path.parents[2])
    return f"{shown}: {lost.name} is at {new.address} now (before: {lost.address}); commit it"


def accept(new: Host, stage: Stage, fingerprint: str, reporter: Reporter, *, unseen: bool) -> None:
    """Learn the new host's key: if it has this fingerprint; or unseen, where that is asked for."""
    if fingerprint:
        if ssh_accept.accept(new, stage, fingerprint):
            reporter.note(f"{new.name}: host key {fingerprint} is known from now on")
    elif unseen and (learned := ssh_accept.accept_new(new, stage)):
        reporter.note(f"{new.name}: its host key {learned} is accepted unseen: compare it")


def _has_private(host: Host) -> bool:
    return host.private_address not in ("", host.address)
