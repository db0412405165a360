"""bans, ban, lift: who is kept out of this host. They hold no lock: they must be possible while a release runs."""

from __future__ import annotations

import json
import time
from typing import Any

from orchestrator.agent import ban_exchange, ban_list, durable, mutex, programs, trust
from orchestrator.agent.ban_list import ADDED, Ban
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, UsageError
from orchestrator.agent.trust import Network

_MUTEX_SECONDS = 30.0
_MOST_SECONDS = 366 * 86400


def bans(call: Call) -> dict[str, Any]:
    """Everybody who is kept out now, and whether fail2ban watches."""
    _ready(call)
    return {
        "bans": ban_list.fields(ban_list.every(call.layout)),
        "watched": call.systemd.active("fail2ban.service"),
    }


def ban(call: Call) -> dict[str, Any]:
    """Keep a client out, from the next packet on: all ports."""
    network = _asked(call)
    _ready(call)
    seconds = call.request.seconds("seconds", most=_MOST_SECONDS)
    if ban_list.is_too_wide(network):
        raise UsageError("the network is too wide", why=f"{network} is a provider's or a country's")
    for one in ban_list.trusted(call.layout):
        if ban_list.overlaps(one, network):
            why = f"{network} holds or is in {one}: loopback, the fleet, trusted_addresses, or where a key came from"
            raise UsageError("the address is trusted", why=why)
    now = time.time()
    until = now + seconds if seconds else None
    wanted = Ban(_shown(network), ADDED, now, until, by=call.request.by)
    with mutex.held(call.layout.bans / "mutex", _MUTEX_SECONDS):
        others = [one for one in ban_list.added(call.layout) if one.network != network and not one.over(now)]
        _keep(call, [*others, wanted])
    ban_exchange.enforce(call.layout)
    call.record("ban", old=None, new=wanted.address, result="banned", until=until)
    return {"bans": ban_list.fields([wanted])}


def lift(call: Call) -> dict[str, Any]:
    """Let a client in again: whatever keeps out any address that is meant, whoever told so.

    Returns: `lifted`, the bans that were ended.
    """
    network = _asked(call)
    _ready(call)
    ended = _meeting(call, network)
    for address in dict.fromkeys(one.address for one in ended if not one.origin and one.source != ADDED):
        done = programs.run(["fail2ban-client", "unban", address])
        if done.code:
            raise HostNotReady(
                "fail2ban did not lift the ban", why=(done.errors or done.output).strip()[-300:],
                next="systemctl status fail2ban, on the host",
            )  # fmt: skip
    with mutex.held(call.layout.bans / "mutex", _MUTEX_SECONDS):
        _keep(
            call, [one for one in ban_list.added(call.layout) if not ban_list.overlaps(one.network, network)]
        )
        _forget(call, network)
    ban_exchange.enforce(call.layout)
    if left := _meeting(call, network):
        raise HostNotReady(
            "the ban was not lifted", why=", ".join(f"{one.address} ({one.source})" for one in left)
        )
    if ended:
        call.record("lift", old=_shown(network), new=None, result="lifted", bans=len(ended))
    return {"lifted": ban_list.fields(ended)}


def exchange(call: Call) -> int:
    """What vpsdeploy-bans.service runs. Returns: the exit code, where there is nobody to exchange with."""
    ban_exchange.run(call.layout)
    return 0


def restore(call: Call) -> dict[str, Any]:
    """After a boot, or where somebody emptied the firewall: what is ours is forgotten. fail2ban restores its own."""
    if ban_list.settings(call.layout):
        ban_exchange.enforce(call.layout)
    return {}


def _asked(call: Call) -> Network:
    text = call.request.text("address")
    try:
        return trust.client(text)
    except ValueError:
        raise UsageError("the request is wrong", why=f"{text[:100]!r} is no address") from None


def _ready(call: Call) -> None:
    if not ban_list.settings(call.layout):
        raise HostNotReady(
            "the host keeps nobody out yet", why=f"{call.layout.bans_file} does not exist",
            next="vpsdeploy provision host",
        )  # fmt: skip


def _meeting(call: Call, network: Network) -> list[Ban]:
    return [one for one in ban_list.every(call.layout) if ban_list.overlaps(one.network, network)]


def _keep(call: Call, wanted: list[Ban]) -> None:
    durable.write(
        call.layout.bans / "added.json", json.dumps(ban_list.fields(wanted)).encode() + b"\n", 0o600
    )


def _forget(call: Call, network: Network) -> None:
    """What the others told until now about this client: they lift it too, but their file may still say it."""
    path, now = call.layout.bans / "lifted.json", time.time()
    kept = {
        address: when
        for address, when in (durable.read_json(path) or {}).items()
        if now - when < _MOST_SECONDS
    }
    durable.write_json(path, {**kept, str(network): now})


def _shown(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)
