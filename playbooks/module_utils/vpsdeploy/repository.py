"""The apt repository of a program's makers: its key is pinned, and nothing but that program comes from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.vpsdeploy import entries, openpgp, packages
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.host import Host, HostError
from ansible.module_utils.vpsdeploy.http import opened
from ansible.module_utils.vpsdeploy.node_versions import NodeError
from ansible.module_utils.vpsdeploy.put import put

APT = Path("/etc/apt")

OPTIONS = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "suite": {"type": "str", "required": True},
    "component": {"type": "str", "default": "main"},
    "origin": {"type": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": False},
    "fingerprint": {"type": "str", "required": True},
    "packages": {"type": "list", "elements": "str", "required": True},
    "timeout_seconds": {"type": "int", "default": 20},
}
"""As modules take one. `packages` are the names, or patterns of names, that may come from it; `origin` is what its
Release calls itself: unlike its host's name, which may be a mirror of Debian too, it is its own."""

_KEY_MAX_BYTES = 1 << 20
_SETTING = "{}_repository_"


def findings(host: Host, wishes: Sequence[dict[str, Any]]) -> list[str]:
    """What speaks against installing from these: nobody is asked about one whose packages are there.

    Each wish has `missing`, too: the packages that are to be had.
    """
    found = []
    for wish in wishes:
        if not packages.absent(host, wish["missing"]):
            continue
        try:
            _proven_key(wish)
            _asked(_release(wish), wish)
        except (HostError, OSError) as error:
            found.append(str(error))
    return found


def apply(host: Host, wish: dict[str, Any] | None, names: list[str], apt: Path = APT) -> list[Path]:
    """Have apt know the repository. Where packages are missing it is read at once, and taken away where that fails.

    Returns: the files that make it known.
    Raises: HostError: it cannot be reached, or its key is another one; the host is as before.
    """
    if wish is None:
        return []
    files = _files(host, wish, apt)
    before = {path: entries.read(path) for path in files}
    changed = [path for path, entry in files.items() if before[path] != entry]
    for path in changed:
        host.changed(str(path), entries.diff(path, before[path], files[path], False))
    if host.check_mode:
        return list(files)
    try:
        for path in changed:
            put(path, files[path])
        if packages.absent(host, names):
            _read(host, wish, _paths(wish, apt)["sources"])
    except (HostError, OSError):
        for path in reversed(changed):
            put(path, before[path])
        raise
    return list(files)


def _paths(wish: dict[str, Any], apt: Path) -> dict[str, Path]:
    name = f"vpsdeploy-{wish['name']}"
    return {
        "key": apt / "keyrings" / f"{name}.asc",
        "preferences": apt / "preferences.d" / f"{name}.pref",
        "sources": apt / "sources.list.d" / f"{name}.sources",
    }


def _files(host: Host, wish: dict[str, Any], apt: Path) -> dict[Path, Entry]:
    """Everything that makes it known; the sources last, so that apt never knows one without its key."""
    paths = _paths(wish, apt)
    texts = {"preferences": _preferences(wish), "sources": _sources(wish, paths["key"])}
    key = _kept_key(wish, paths["key"]) or (b"" if host.check_mode else _proven_key(wish))
    contents = {"key": key, **{name: text.encode() for name, text in texts.items()}}
    return {paths[name]: Entry("file", content=content, mode=0o644) for name, content in contents.items()}


def _sources(wish: dict[str, Any], key: Path) -> str:
    fields = {
        "Types": "deb", "URIs": wish["url"], "Suites": wish["suite"], "Components": wish["component"], "Signed-By": key
    }  # fmt: skip
    return "# Managed by vpsdeploy.\n" + "".join(f"{name}: {value}\n" for name, value in fields.items())


def _preferences(wish: dict[str, Any]) -> str:
    """Nothing else comes from there, whatever it offers. Source: apt_preferences(5)."""
    pin = f"Pin: release o={wish['origin']}"
    return (
        "# Managed by vpsdeploy: from this repository come its own packages, and nothing else.\n"
        f"Package: *\n{pin}\nPin-Priority: -1\n\n"
        f"Package: {' '.join(wish['packages'])}\n{pin}\nPin-Priority: 500\n"
    )


def _kept_key(wish: dict[str, Any], path: Path) -> bytes:
    """What is there, where it is the right one; else nothing."""
    content = entries.read(path).content
    try:
        return content if openpgp.fingerprints(content) == [_pinned(wish)] else b""
    except ValueError:
        return b""


def _proven_key(wish: dict[str, Any]) -> bytes:
    """The repository's key, once its fingerprint is the pinned one.

    Raises: HostError: it cannot be had, or is another one.
    """
    setting = _SETTING.format(wish["name"])
    where = wish["key"]
    content = Path(where).read_bytes() if where.startswith("/") else _asked(where, wish)
    try:
        found = openpgp.fingerprints(content)
    except ValueError as error:
        raise HostError(
            f"{where} is not the key of {wish['name']}'s repository: {error}; nothing of it was taken: see what that "
            f"address answers, or set {setting}key"
        ) from None
    if found != [_pinned(wish)]:
        raise HostError(
            f"{where} is not the key of {wish['name']}'s repository: its fingerprint is {', '.join(found)}, "
            f"{_pinned(wish)} is the one that is trusted; nothing of it was taken. A mirror that signs with a key of "
            f"its own: set {setting}fingerprint; else somebody is in between"
        )
    if not openpgp.is_armored(content):
        raise HostError(
            f"{where} is a binary keyring: name the armored key (it begins with -----BEGIN PGP) in {setting}key"
        )
    return content


def _pinned(wish: dict[str, Any]) -> str:
    return str(wish["fingerprint"]).replace(" ", "").upper()


def _release(wish: dict[str, Any]) -> str:
    return f"{wish['url'].rstrip('/')}/dists/{wish['suite']}/InRelease"


def _asked(url: str, wish: dict[str, Any]) -> bytes:
    """What is at an address.

    Raises: HostError: which address, why, and what can be done.
    """
    try:
        with opened(url, wish["timeout_seconds"]) as answer:
            content: bytes = answer.read(_KEY_MAX_BYTES)
            return content
    except (NodeError, OSError) as error:
        setting = _SETTING.format(wish["name"])
        raise HostError(
            f"{wish['name']} comes from its makers' repository, Debian has no package of it, and that cannot be had: "
            f"{error}. Let the host out to {urlsplit(url).hostname}; or name a mirror ({setting}url, {setting}key in "
            f"inventories/<stage>/group_vars/all.yml); or take a service that Debian has: docs/{wish['name']}.md"
        ) from None


def _read(host: Host, wish: dict[str, Any], sources: Path) -> None:
    """Only this one: apt by itself calls a repository that it could not read a success."""
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Get::List-Cleanup": "0",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": wish["timeout_seconds"],
        "Acquire::https::Timeout": wish["timeout_seconds"],
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    try:
        packages.refresh(host, words)
    except HostError as error:
        raise HostError(
            f"{wish['name']}'s repository {wish['url']} was refused, and apt knows nothing of it any more: {error}"
        ) from None


def as_it_is(paths: list[Path]) -> list[tuple[Path, Entry]]:
    """What an audit compares these files with, once they are there."""
    return [(path, entries.read(path)) for path in paths]
