"""The lost host's releases, out of a backup: the same files under the same digests, and nothing is built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, installs, mutex
from orchestrator.agent.backup import dumps, fetch, rebuild, state
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, ReleaseFailed
from orchestrator.agent.request import RELEASE, STORED, Request
from orchestrator.agent.verbs.assemble import assemble

_MUTEX_SECONDS = 120.0


def bring_back(call: Call) -> dict[str, Any]:
    """Every release that the backup holds whole; each file's digest is verified, as when it first came here.

    Returns: `release`, the one that users saw (null: it is not among them, and `why`), `revision` and `subject` of it,
        `releases`, `notes`.
    """
    repository, one, _ = rebuild.source(call)
    with (
        state.alone(call, "a rebuild", rebuild.PATIENCE_SECONDS),
        fetch.place(call.app.home / ".restored", 0) as into,
    ):
        staged = str(call.app.staging)
        wanted = [f"{staged}/{dumps.MANIFEST}", f"{staged}/state", str(call.app.store)]
        repository.restore(one.id, str(into), wanted, verify=False)  # `assemble` reads every file itself
        directory = fetch.staged(call, into)
        manifest = dumps.read(directory)
        _fill_store(call, into / str(call.app.store).lstrip("/"))
        with mutex.held(call.app.mutex_file, _MUTEX_SECONDS):
            machine = str(manifest.get("machine") or "")
            made, lost, notes = _all(call, directory / "state", machine)
    return _told(manifest.get("release") or {}, made, lost, notes)


def _told(live: dict[str, Any], made: list[str], lost: dict[str, str], notes: list[str]) -> dict[str, Any]:
    name = str(live.get("id") or "")
    known = {key: str(live.get(key) or "") for key in ("revision", "subject")}
    why = lost.get(
        name, "the backup holds no files of it" if name else "nothing was released when it was made"
    )
    notes += [f"release {one} did not come back: {text}" for one, text in lost.items() if one != name]
    is_back = name in made
    return {
        **known, "release": name if is_back else None, "why": "" if is_back else why, "releases": made, "notes": notes,
    }  # fmt: skip


def _fill_store(call: Call, source: Path) -> None:
    """Files that the store lacks; only what is named as the store names files."""
    for path in source.glob("??/*"):
        target = call.app.stored(path.parent.name + path.name)
        if STORED.fullmatch(path.parent.name + path.name) and not target.exists():
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.replace(target)


def _all(call: Call, directory: Path, machine: str) -> tuple[list[str], dict[str, str], list[str]]:
    made, lost, notes = list[str](), dict[str, str](), list[str]()
    for place in sorted((directory / "releases").glob("[0-9]*")):
        if not RELEASE.fullmatch(place.name):
            continue
        try:
            notes += _one(call, place, directory / "installs", machine)
            made.append(place.name)
        except AgentError as error:
            lost[place.name] = f"{error.what}: {error.why}" if error.why else error.what
    return made, lost, notes


def _one(call: Call, place: Path, lists: Path, machine: str) -> list[str]:
    """One release, as it was; or under another Node of the same line. Returns: that, in words."""
    target = call.app.release(place.name)
    if target.exists():
        return []
    manifest, settings, summary = (
        durable.read_json(place / f"{n}.json") for n in ("manifest", "settings", "release")
    )
    if not (manifest and settings and summary and (place / "files.jsonl").is_file()):
        raise ReleaseFailed("the backup does not hold all of it", why=f"{place.name}: documents are missing")
    here = os.uname().machine
    if machine not in ("", here) and (manifest.get("platform", "any") != "any" or summary.get("install")):
        raise ReleaseFailed(
            "it holds native modules of another machine", why=f"{machine}; this host is {here}"
        )
    wanted = str(settings.get("node"))
    node = _node(call, wanted)
    settings, digest = {**settings, "node": node}, str(manifest["digest"])
    _offer(call, place, manifest, digest)
    if summary.get("install"):
        _take_list(call, lists / f"{summary['install']}.files", digest, node)
    fields = {**call.request.fields, "release": place.name, "manifest_digest": digest, "settings": settings}
    answer = assemble(call._replace(request=Request(fields)))
    if answer["release"] is None:
        raise ReleaseFailed(
            "files of it are missing or damaged in the backup", why=f"{answer['damaged']} files"
        )
    # Who released it, and when, stays what it was.
    kept = durable.read_json(target / "release.json") or {}
    whole = {**kept, **{key: summary[key] for key in ("by", "created_at") if key in summary}}
    durable.write_json(target / "release.json", whole, 0o644)
    return [f"{place.name} runs on Node {node}: {wanted} is not here"] if node != wanted else []


def _offer(call: Call, place: Path, manifest: dict[str, Any], digest: str) -> None:
    """As if a controller had offered it."""
    call.app.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(place / "files.jsonl", call.app.offered_files(digest))
    durable.write_json(call.app.offered(digest), manifest)


def _take_list(call: Call, source: Path, digest: str, node: str) -> None:
    """The list of what was installed on the lost host: native modules fit any Node of the line, on the same machine."""
    if source.is_file():
        call.app.installs.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(source, call.app.installed(installs.key(call.app.offered_files(digest), node)))


def _node(call: Call, wanted: str) -> str:
    """The release's own Node, or the newest here of the same line.

    Raises: ReleaseFailed: there is none.
    """
    if call.layout.node(wanted).exists():
        return wanted
    line = wanted.partition(".")[0]
    found = [
        path.name.removeprefix("v")
        for path in call.layout.nodes.glob(f"v{line}.*")
        if (path / "bin/node").exists()
    ]
    if not found:
        raise ReleaseFailed(f"Node {wanted} is not installed", why=f"and no other Node {line}")
    return max(found, key=lambda one: [int(part) for part in one.split(".") if part.isdigit()])
