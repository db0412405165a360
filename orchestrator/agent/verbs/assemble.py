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

from orchestrator.agent import durable, installs, listing, space, verify
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import HostNotReady, ReleaseFailed, UsageError
from orchestrator.agent.layout import NODES
from orchestrator.agent.listing import Entry
from orchestrator.agent.manifest import Manifest, parse
from orchestrator.agent.paths import parents_of
from orchestrator.agent.settings import Settings
from orchestrator.agent.settings import parse as parse_settings


class _Plan(NamedTuple):
    """What a release is made of: the bundle, its list of files, and that of what was installed here, if any was."""

    manifest: Manifest
    settings: Settings
    files: Path
    made: list[Path]


def assemble(call: Call) -> dict[str, Any]:
    """Build the release beside, check every digest, make it durable, rename it.

    Files that are damaged are removed from the store: the answer says how many have to be sent again.
    """
    identifier, digest = call.request.release, call.request.digest("manifest_digest")
    raw_settings = call.request.fields.get("settings")
    settings = parse_settings(raw_settings)
    _check_host(call, settings)
    if call.app.release(identifier).exists():
        return _existing(call, digest, raw_settings)
    raw = durable.read_json(call.app.offered(digest))
    if raw is None:
        raise ReleaseFailed("the release cannot be assembled", why=f"manifest {digest} was not offered")
    manifest = parse(raw, call.app.name)
    files = call.app.offered_files(digest)
    _check_jobs(call, files, settings)
    made = _installed(call, manifest, settings)
    if damaged := sum(verify.check_store(call.app.store, one) for one in (files, *made)):
        return {"release": None, "damaged": damaged}
    plan = _Plan(manifest, settings, files, made)
    _build(call, plan, {"manifest.json": raw, "settings.json": raw_settings})
    call.app.offered(digest).unlink(missing_ok=True)
    files.unlink(missing_ok=True)
    return {"release": identifier, "bytes": manifest.bytes}


def _installed(call: Call, manifest: Manifest, settings: Settings) -> list[Path]:
    """The list of what `install` made for this bundle; none where the dependencies came with it.

    Raises: ReleaseFailed: it was not asked to.
    """
    if manifest.install is None:
        return []
    kept = call.app.installed(installs.key(call.app.offered_files(manifest.digest), settings.node))
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


def _existing(call: Call, digest: str, raw_settings: Any) -> dict[str, Any]:
    """The same release again is no error: the first answer may have been lost. Another one under its id is."""
    release = call.app.release(call.request.release)
    summary = durable.read_json(release / "release.json")
    if summary["manifest_digest"] != digest or durable.read_json(release / "settings.json") != raw_settings:
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
