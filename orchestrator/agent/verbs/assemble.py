"""assemble: make a release of files that are in the store."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, space, verify
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import HostNotReady, ReleaseFailed, UsageError
from orchestrator.agent.layout import NODES
from orchestrator.agent.manifest import Entry, Manifest, parse
from orchestrator.agent.paths import parents_of
from orchestrator.agent.settings import Settings
from orchestrator.agent.settings import parse as parse_settings


def assemble(call: Call) -> dict[str, Any]:
    """Build the release beside, check every digest, make it durable, rename it."""
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
    _check_jobs(call, manifest, settings)
    _build(call, manifest, settings, {"manifest.json": raw, "settings.json": raw_settings})
    call.app.offered(digest).unlink(missing_ok=True)
    return {"release": identifier, "bytes": manifest.bytes}


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


def _check_jobs(call: Call, manifest: Manifest, settings: Settings) -> None:
    """Every file that is to be started is in the bundle, and this host's systemd understands every schedule."""
    paths = {entry.path for entry in manifest.entries}
    processes = [worker.process for worker in settings.workers.values()]
    processes += [job.process for job in settings.cron.values()]
    for entry in (settings.entry, *(process.entry for process in processes if process.entry)):
        if entry not in paths:
            raise UsageError("the settings are wrong", why=f"the bundle has no file {entry}")
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


def _build(call: Call, manifest: Manifest, settings: Settings, documents: dict[str, Any]) -> None:
    identifier = call.request.release
    partial = call.app.partial(identifier)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o755, parents=True)
        space.require(partial, len(json.dumps(documents)), len(manifest.entries) // 4)
        _link_files(call, manifest, settings, partial / "app")
        _write_documents(call, manifest, settings, partial, documents)
        durable.sync_filesystems(partial)
        partial.replace(call.app.release(identifier))
        durable.sync_directory(call.app.releases)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _link_files(call: Call, manifest: Manifest, settings: Settings, target: Path) -> None:
    """Hard links, directories and links. What a bundle holds beneath a shared directory gives way to the directory."""
    shared = set(settings.shared)
    entries = [
        entry for entry in manifest.entries if shared.isdisjoint((entry.path, *parents_of(entry.path)))
    ]
    verify.check_store(call.app.store, {entry.stored for entry in entries if entry.stored})
    _make_directories(target, [entry.path for entry in entries] + list(settings.shared))
    store = str(call.app.store)
    for entry in entries:
        _place(entry, store, f"{target}/{entry.path}")
    for path in settings.shared:
        (target / path).symlink_to(f"/srv/{call.app.name}/shared/{path}")


def _place(entry: Entry, store: str, target: str) -> None:
    if entry.link:
        os.symlink(entry.link, target)  # noqa: PTH211 - thousands of times: without Path objects
        return
    try:
        os.link(f"{store}/{entry.stored[:2]}/{entry.stored[2:]}", target)
    except FileNotFoundError:
        raise verify.damaged([entry.stored]) from None


def _make_directories(target: Path, paths: list[str]) -> None:
    target.mkdir(mode=0o755)
    for directory in sorted({parent for path in paths for parent in parents_of(path)}):
        (target / directory).mkdir(mode=0o755)


def _write_documents(
    call: Call, manifest: Manifest, settings: Settings, partial: Path, documents: dict[str, Any]
) -> None:
    summary = {
        "revision": manifest.revision, "subject": manifest.subject, "entry": settings.entry, "node": settings.node,
        "by": call.request.by, "created_at": timestamp(), "bytes": manifest.bytes, "files": len(manifest.entries),
        "manifest_digest": manifest.digest, "instances": settings.instances,
        "health": documents["settings.json"].get("health"),
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
