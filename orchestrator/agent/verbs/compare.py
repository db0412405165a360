"""compare: what differs between two releases that are kept here. No value of an env variable leaves the host."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.agent import durable, packages, releases, trees
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.request import RELEASE

_SHOWN = (
    "node",
    "entry",
    "instances",
    "port",
    "health",
    "limits",
    "stop_timeout_seconds",
    "shared",
    "migrate",
    "secrets",
)
"""Settings that hold no secret; of any other only a digest is shown."""
_ABOUT = ("revision", "subject", "by", "created_at", "bytes", "files")
_DIGEST_LENGTH = 12

Json = dict[str, Any]
Digest = Callable[[Any], str]


def compare(call: Call) -> Json:
    """Settings, env variables by name, packages and files: counts, and the first of each."""
    a, b = (_kept(call, call.request.text(side)) for side in ("a", "b"))
    most, digest = call.request.count("names", 20, most=10_000), _keyed()
    one, other = (durable.read_json(call.app.release(name) / "settings.json") or {} for name in (a, b))
    return {
        "a": {"release": a, **_about(call, a)}, "b": {"release": b, **_about(call, b)},
        "settings": _settings(one, other, digest), "env": _env(one.get("env") or {}, other.get("env") or {}, digest),
        **_files(call, a, b, most),
    }  # fmt: skip


def _kept(call: Call, identifier: str) -> str:
    if not RELEASE.fullmatch(identifier) or identifier not in releases.identifiers(call.app):
        known = ", ".join(releases.identifiers(call.app)) or "none"
        raise ReleaseFailed(f"release {identifier[:100]} is not on the host", why=f"releases here: {known}")
    return identifier


def _about(call: Call, identifier: str) -> Json:
    summary = releases.summary(call.app, identifier)
    return {name: summary.get(name) for name in _ABOUT}


def _keyed() -> Digest:
    """A digest that tells same from other within this answer, and nothing else.

    Its key is made for the answer and forgotten: a short value cannot be found by trying, here or from another answer.
    """
    key = os.urandom(32)

    def digest(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:_DIGEST_LENGTH]

    return digest


def _settings(a: Json, b: Json, digest: Digest) -> list[Json]:
    """Each setting that differs, with its values where it can hold no secret."""
    one, other = _flat(a), _flat(b)
    return [
        {"name": name, **{side: _said(name, of, digest) for side, of in (("a", one), ("b", other))}}
        for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)
    ]  # fmt: skip


def _flat(settings: Json) -> Json:
    """health.path and the like for mappings in a mapping; without env."""
    found: Json = {}
    for name, value in settings.items():
        if isinstance(value, dict) and name != "env":
            found |= {f"{name}.{inner}": deep for inner, deep in value.items()}
        elif name != "env":
            found[name] = value
    return found


def _said(name: str, settings: Json, digest: Digest) -> Any:
    value = settings.get(name)
    return value if value is None or name.partition(".")[0] in _SHOWN else f"digest {digest(value)}"


def _env(a: Json, b: Json, digest: Digest) -> list[Json]:
    return [
        {"name": name, **{side: digest(of[name]) if name in of else None for side, of in (("a", a), ("b", b))}}
        for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)
    ]  # fmt: skip


def _files(call: Call, a: str, b: str, most: int) -> Json:
    """Files of the app and of packages apart; packages by their versions."""
    places = [call.app.release(name) / "app" for name in (a, b)]
    differing = list(trees.differences(*places))
    own = [one for one in differing if not packages.is_dependency(one.path)]
    found = packages.changes(differing, *places)
    return {
        "files": {**_counts(one.change for one in own), "first": [_file(one) for one in own[:most]]},
        "packages": {**_counts(map(_change, found)), "first": list(itertools.islice(found, most))},
        "package_files": _counts(one.change for one in differing if packages.is_dependency(one.path)),
    }  # fmt: skip


def _file(one: trees.Difference) -> Json:
    return {"path": one.path, "a": one.a, "b": one.b}


def _change(package: Json) -> str:
    return "added" if package["a"] is None else "removed" if package["b"] is None else "changed"


def _counts(changes: Iterable[str]) -> Json:
    counted = Counter(changes)
    return {name: counted[name] for name in ("added", "removed", "changed")}
