"""RabbitMQ: the app's virtual host, its user and rights, the server's limits, and how it is.

The server is told digests of passwords; it has never seen one before the app logs in.
"""

from __future__ import annotations

import base64
import grp
import hashlib
import hmac
import json
import secrets
import time
from ipaddress import ip_address
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.rabbitmq_api import ADMIN, Api, Refused, password, refused

NODE = "rabbit@localhost"
_GUEST = "guest"
_HASHING = "rabbit_password_hashing_sha256"
_SALT_BYTES = 4
"""Source: rabbitmq.com/docs/passwords. The password has 256 random bits: more would not help."""

_ALL = {"configure": ".*", "write": ".*", "read": ".*"}
_LIMITS = {"mem_limit": ("memory", "memory"), "disk_free_limit": ("disk_free", "disk space")}
_SET = {
    "memory": ("set_vm_memory_high_watermark", "absolute"),
    "disk_free": ("set_disk_free_limit",),
}
_REFUSED = 401
_KNOWN_SECONDS = 30.0
_HEALTH_SECONDS = 10.0
"""Longest wait for one answer about its health: `status` is waiting for it (our choice)."""

_POLL_SECONDS = 0.2


def ensure(call: Call, settings: dict[str, Any], app_password: str) -> list[str]:
    """The app's user with this password, its virtual host, and the limits that are asked for.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer, or refuses.
    """
    api = _administrator(call, settings)
    user = settings["user"]
    try:
        changed = [*_vhost(api, user), *_user(api, user, app_password), *_rights(api, user)]
        if api.get("users", _GUEST) is not None:
            api.delete("users", _GUEST)
            changed.append(f"no user {_GUEST}")
        return [*changed, *_limits(call, api, settings)]
    except (Refused, OSError) as error:
        raise refused(settings, error) from None


def health(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says; a size of None where it cannot say it now.

    Raises: HostNotReady: it does not answer.
    Source: rabbit_mgmt_wm_overview.erl, to_json: without statistics it counts connections as they are tracked.
    """
    api = Api(int(settings["management"]), ADMIN, password(call), _HEALTH_SECONDS)
    try:
        told = api.get("overview", query="?disable_stats=true") or {}
    except (Refused, OSError) as error:
        raise refused(settings, error) from None
    # These are made of statistics, which may be behind or fail: no word about whether clients are served.
    more, node = _perhaps(api, "overview"), _perhaps(api, "nodes", NODE)
    queues = _perhaps(api, "queues", settings["user"], query="?columns=message_bytes")
    # Both have none in their first seconds: a node lacks its limits then, and a queue is told as [] instead of {}.
    found = node or {}
    waits = [
        name for key, (wanted, name) in _LIMITS.items() if found.get(key) not in (None, settings[wanted])
    ]
    sizes = [int(one.get("message_bytes") or 0) for one in queues or [] if one]
    return {
        "version": str(told.get("rabbitmq_version", "")),
        "connections": int(told.get("object_totals", {}).get("connections", 0)),
        "data_bytes": None if queues is None else sum(sizes),
        "waits": waits + ([] if more is None or _listens(more, settings) else ["listeners"]),
    }


def _perhaps(api: Api, *path: str, query: str = "") -> Any:
    """What the server tells; None where it cannot now."""
    try:
        return api.get(*path, query=query)
    except (Refused, OSError):
        return None


def fits(kept: str, word: str) -> bool:
    """Whether this is the password whose digest the server keeps."""
    try:
        salt = base64.b64decode(kept)[:_SALT_BYTES]
    except ValueError:
        return False
    return hmac.compare_digest(_digest(word, salt), kept)


def _administrator(call: Call, settings: dict[str, Any]) -> Api:
    """The API as the administrator, who is made where the server does not know them."""
    word = password(call)
    api = Api(int(settings["management"]), ADMIN, word)
    try:
        try:
            api.get("whoami")
        except Refused as error:
            if error.status != _REFUSED:
                raise
            _make_administrator(call, word)
            _await(api)
    except (Refused, OSError) as error:
        raise refused(settings, error) from None
    return api


def _await(api: Api) -> None:
    """Until the server knows its administrator: it takes definitions in its own time. Raises: Refused. OSError."""
    deadline = time.monotonic() + _KNOWN_SECONDS
    while True:
        try:
            api.get("whoami")
        except Refused:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _make_administrator(call: Call, word: str) -> None:
    """By the server's own command, which needs no login: root may be it. It reads a digest from a file, and no input.

    Raises: HostNotReady
    """
    one = {"name": ADMIN, "tags": ["administrator"], **_kept(word)}
    file = call.layout.run / "rabbitmq-administrator.json"
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        group = grp.getgrnam("rabbitmq").gr_gid
        durable.write(file, json.dumps({"users": [one]}).encode(), 0o640, sync=False, group=group)
        done = call.systemd.program(["rabbitmqctl", "--node", NODE, "import_definitions", str(file)])
    except KeyError as error:
        raise HostNotReady(
            "rabbitmq is not installed", why=str(error), next="vpsdeploy provision host"
        ) from None
    finally:
        file.unlink(missing_ok=True)
    if done.code != 0:
        lines = (done.errors.strip() or done.output.strip()).splitlines()
        raise HostNotReady(
            "rabbitmq takes no administrator", why="; ".join(lines[:3])[:500], next="vpsdeploy provision host"
        )


def _vhost(api: Api, name: str) -> list[str]:
    if api.get("vhosts", name) is not None:
        return []
    api.put(("vhosts", name), {})
    return [f"virtual host {name}"]


def _user(api: Api, name: str, word: str) -> list[str]:
    found = api.get("users", name)
    alike = found is not None and found.get("hashing_algorithm") == _HASHING and not found.get("tags")
    if alike and fits(str(found.get("password_hash")), word):
        return []
    api.put(("users", name), {"tags": "", **_kept(word)})
    return [f"user {name}" if found is None else f"password of {name}"]


def _rights(api: Api, name: str) -> list[str]:
    """Everything in its own virtual host, and nothing elsewhere."""
    found = api.get("permissions", name, name)
    if found is not None and {key: found.get(key) for key in _ALL} == _ALL:
        return []
    api.put(("permissions", name, name), _ALL)
    return [f"rights of {name}"]


def _limits(call: Call, api: Api, settings: dict[str, Any]) -> list[str]:
    """What can be changed while it runs is changed so; the role has written it down for the next start."""
    node, changed = api.get("nodes", NODE) or {}, []
    for key, (wanted, name) in _LIMITS.items():
        if node.get(key) not in (None, settings[wanted]):
            done = call.systemd.program(["rabbitmqctl", "--node", NODE, *_SET[wanted], str(settings[wanted])])
            if done.code != 0:
                raise HostNotReady("rabbitmq takes no limit", why=f"{name}: {done.errors.strip()[:300]}")
            changed.append(name)
    return changed


def _listens(told: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether the address that the app connects to is one that it listens on."""
    wanted, address = "amqp/ssl" if settings["certificate"] else "amqp", ip_address(settings["address"])
    return any(
        one["protocol"] == wanted and ip_address(one["ip_address"]) == address
        for one in told.get("listeners", [])
    )


def _kept(word: str) -> dict[str, str]:
    digest = _digest(word, secrets.token_bytes(_SALT_BYTES))
    return {"password_hash": digest, "hashing_algorithm": _HASHING}


def _digest(word: str, salt: bytes) -> str:
    return base64.b64encode(salt + hashlib.sha256(salt + word.encode()).digest()).decode()
