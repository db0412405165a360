"""assemble: make a release of files that are in the store."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable, installs, listing, releases, space, verify
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import HostNotReady, ReleaseFailed, UsageError
from orchestrator.agent.layout import NODES
from orchestrator.agent.listing import Entry
from orchestrator.agent.manifest import Manifest, parse
from orchestrator.agent.paths import parents_of
from orchestrator.agent.settings import Settings
from orchestrator.agent.settings import parse as parse_settings

_NOT_INHERITED = ("env", "secrets", "migrate")
"""Settings that a release with another environment has anew, or not at all: its migration has run."""


class _Plan(NamedTuple):
    """What a release is made of: the bundle, its list of files, and that of what was installed here, if any was."""

    manifest: Manifest
    settings: Settings
    files: Path
    made: list[Path]


class _Given(NamedTuple):
    """What a release is asked to be made of; no manifest: it was not offered. `made_of`: another release."""

    digest: str
    manifest: Any
    files: Path
    settings: Any
    made_of: str = ""


def assemble(call: Call) -> dict[str, Any]:
    """Build the release beside, check every digest, make it durable, rename it.

    Files that are damaged are removed from the store: the answer says how many have to be sent again.
    """
    identifier, given = call.request.release, _given(call)
    settings = parse_settings(given.settings)
    _check_host(call, settings)
    if call.app.release(identifier).exists():
        return _existing(call, given)
    if given.manifest is None:
        raise ReleaseFailed("the release cannot be assembled", why=f"manifest {given.digest} was not offered")
    manifest = parse(given.manifest, call.app.name)
    _check_jobs(call, given.files, settings)
    made = _installed(call, manifest, given.files, settings)
    if damaged := sum(verify.check_store(call.app.store, one) for one in (given.files, *made)):
        if given.made_of:
            why = f"{damaged} files of {given.made_of} are damaged"
            raise ReleaseFailed("the release cannot be assembled", why=why, next="vpsdeploy release")
        return {"release": None, "damaged": damaged}
    plan = _Plan(manifest, settings, given.files, made)
    _build(call, plan, {"manifest.json": given.manifest, "settings.json": given.settings})
    if not given.made_of:
        call.app.offered(given.digest).unlink(missing_ok=True)
        given.files.unlink(missing_ok=True)
    return {"release": identifier, "bytes": manifest.bytes}


def _given(call: Call) -> _Given:
    """A bundle that was offered; or a release that is here, and of its settings all but the environment."""
    fields = call.request.fields
    if "made_of" not in fields:
        digest = call.request.digest("manifest_digest")
        raw = durable.read_json(call.app.offered(digest))
        return _Given(digest, raw, call.app.offered_files(digest), fields.get("settings"))
    origin = call.request.text("made_of")
    if origin not in releases.identifiers(call.app):
        raise ReleaseFailed(
            "the release cannot be assembled", why=f"release {origin[:100]} is not on the host"
        )
    place = call.app.release(origin)
    manifest, settings = (durable.read_json(place / f"{name}.json") for name in ("manifest", "settings"))
    kept = {key: value for key, value in settings.items() if key not in _NOT_INHERITED}
    new = {key: fields[key] for key in ("env", "secrets") if key in fields}
    return _Given(manifest["digest"], manifest, place / "files.jsonl", {**kept, **new}, origin)


def _installed(call: Call, manifest: Manifest, files: Path, settings: Settings) -> list[Path]:
    """The list of what `install` made for this bundle; none where the dependencies came with it.

    Raises: ReleaseFailed: it was not asked to.
    """
    if manifest.install is None:
        return []
    kept = call.app.installed(installs.key(files, settings.node))
    if not kept.is_file():
        raise ReleaseFailed("the release cannot be assembled", why="its dependencies were not installed here")
    return [kept]


def _check_host(call: Call, settings: Settings) -> None:
    facts = call.app_facts()
    room = facts.get("instances_max") or facts["instances"]
    if facts["port"] != settings.port or settings.instances > room:
        why = (
            f"the release wants {settings.instances} instances from port {settings.port} on, "
            f"the host has room for {room} from port {facts['port']} on"
        )
        raise HostNotReady(
            "the host is provisioned for other ports", why=why, next="vpsdeploy provision host"
        )
    if not call.layout.node(settings.node).exists():
        raise HostNotReady(f"Node {settings.node} is not installed", next="vpsdeploy provision host")


def _check_jobs(call: Call, files: Path, settings: Settings) -> None:
    """Every file that is to be started is in the bundle, and this host's systemd understands every schedule."""
    processes = [worker.process for worker in settings.workers.values()]
    processes += [job.process for job in settings.cron.values()]
    wanted = {settings.entry, *(process.entry for process in processes if process.entry)}
    if absent := wanted.difference(entry.path for entry in listing.read(files)):
        raise UsageError("the settings are wrong", why=f"the bundle has no file {min(absent)}")
    for name, job in settings.cron.items():
        if call.systemd.elapses(job.events, time.time()) is None:
            raise UsageError("the settings are wrong", why=f"cron entry {name} never comes: {job.schedule}")


def _existing(call: Call, given: _Given) -> dict[str, Any]:
    """The same release again is no error: the first answer may have been lost. Another one under its id is."""
    release = call.app.release(call.request.release)
    summary = durable.read_json(release / "release.json")
    same = durable.read_json(release / "settings.json") == given.settings
    if summary["manifest_digest"] != given.digest or not same:
        raise ReleaseFailed(
            "the release exists already", why=f"{release.name} was made of another bundle or settings"
        )
    return {"release": release.name, "bytes": summary["bytes"]}


def _build(call: Call, plan: _Plan, documents: dict[str, Any]) -> None:
    identifier = call.request.release
    partial = call.app.partial(identifier)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o755, parents=True)
        space.require(partial, len(json.dumps(documents)), plan.manifest.files // 4)
        _link_files(call, plan, partial)
        _write_documents(call, plan, partial, documents)
        durable.sync_filesystems(partial)
        partial.replace(call.app.release(identifier))
        durable.sync_directory(call.app.releases)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _link_files(call: Call, plan: _Plan, partial: Path) -> None:
    """Hard links, directories and links, and the list itself. What an installation needs is kept beside the app."""
    settings, target = plan.settings, partial / "app"
    target.mkdir(mode=0o755)
    install = _Tree(str(call.app.store), str(partial / "install"))
    tree = _Tree(str(call.app.store), str(target))
    for entry in _without(settings.shared, chain(*map(listing.read, [plan.files, *plan.made]))):
        if entry.path.startswith(f"{installs.DIRECTORY}/"):
            install.place(entry._replace(path=entry.path.removeprefix(f"{installs.DIRECTORY}/")))
        else:
            tree.place(entry)
    for path in settings.shared:
        (target / path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        (target / path).symlink_to(f"/srv/{call.app.name}/shared/{path}")
    os.link(plan.files, partial / "files.jsonl")


def _without(shared: tuple[str, ...], entries: Iterator[Entry]) -> Iterator[Entry]:
    """What a bundle holds beneath a shared directory gives way to the directory."""
    away = set(shared)
    return (entry for entry in entries if away.isdisjoint((entry.path, *parents_of(entry.path))))


class _Tree:
    """A directory that files are linked into, in the order of a list: what stands together comes together."""

    def __init__(self, store: str, target: str) -> None:
        self._store, self._target, self._directory = store, target, ""

    def place(self, entry: Entry) -> None:
        """Make one file or link; its directory first, where the entry before it stood in another."""
        directory = entry.path.rpartition("/")[0]
        if directory != self._directory:
            os.makedirs(f"{self._target}/{directory}", 0o755, exist_ok=True)  # noqa: PTH103 - thousands of times
            self._directory = directory
        path = f"{self._target}/{entry.path}"
        if entry.link:
            os.symlink(entry.link, path)  # noqa: PTH211 - thousands of times: without Path objects
        else:
            os.link(f"{self._store}/{entry.stored[:2]}/{entry.stored[2:]}", path)


def _write_documents(call: Call, plan: _Plan, partial: Path, documents: dict[str, Any]) -> None:
    manifest, settings = plan.manifest, plan.settings
    summary = {
        "revision": manifest.revision, "subject": manifest.subject, "entry": settings.entry, "node": settings.node,
        "by": call.request.by, "created_at": timestamp(), "bytes": manifest.bytes, "files": manifest.files,
        "manifest_digest": manifest.digest, "instances": settings.instances,
        "install": plan.made[0].stem if plan.made else None, "health": documents["settings.json"].get("health"),
        "jobs": _jobs_summary(documents["settings.json"]),
    }  # fmt: skip
    for name, content in {**documents, "release.json": summary}.items():
        mode = 0o600 if name == "settings.json" else 0o644
        durable.write(partial / name, json.dumps(content).encode() + b"\n", mode, sync=False)
    (partial / "node").symlink_to(f"{NODES}/v{settings.node}")


def _jobs_summary(raw: dict[str, Any]) -> dict[str, Any]:
    """What the controller has to know of a release's jobs to place them: nothing of their environment."""
    shown = {"workers": ("instances", "exclusive"), "cron": ("host",)}
    return {
        kind: {name: {key: job.get(key) for key in keys} for name, job in raw[kind].items()}
        for kind, keys in shown.items()
        if raw.get(kind)
    }
