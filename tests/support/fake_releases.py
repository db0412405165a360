"""The agent's verbs on a host in memory. What a host keeps of releases, their jobs, migrations and hooks."""

from __future__ import annotations

import json

from orchestrator.errors import ReleaseFailed
from tests.support.bodies import untar
from tests.support.fake_state import Json, State


class Releases(State):
    """What a host keeps of releases, their jobs, migrations and hooks."""

    def _release(self, identifier: str) -> Json:
        settings = self.settings.get(identifier, {})
        jobs = {kind: settings[kind] for kind in ("workers", "cron") if settings.get(kind)}
        return {"id": identifier, "node": "24.21.0", "instances": settings.get("instances", 0), "jobs": jobs}

    def _jobs(self) -> Json | None:
        if not self.jobs:
            return None
        up = {
            "state": "active",
            "sub_state": "running",
            "memory_bytes": 1,
            "restarts": 0,
            "uptime_seconds": 1.0,
        }
        processes = [
            {"unit": "x", "worker": name, "number": n + 1, "release": self.jobs["release"], "wanted": True, **up}
            for name, count in self.jobs["workers"].items() for n in range(count)
        ]  # fmt: skip
        timer = {"schedule": "@daily", "timezone": "UTC", "armed": True, "running": False}
        times = {"next_at": None, "missed_at": None, "last": None}
        entries = [{"name": name, **timer, **times} for name in self.jobs["cron"]]
        return {**self.jobs, "processes": processes, "entries": entries}

    def do_jobs(self, request: Json) -> Json:
        """Other workers and entries run at once, and what leaves is handed over."""
        assert not request["release"] or request["release"] in self.releases
        old, self.jobs = self.jobs, {key: request[key] for key in ("release", "workers", "cron")}
        left = [name for name in old.get("cron", ()) if name not in request["cron"]]
        self.stamps |= {name: known["stamp"] for name, known in request.get("handover", {}).items()}
        return {"handover": {name: {"stamp": 7, "run": {}} for name in left}}

    def offer(self, listed: bytes) -> Json:
        """Say which entries of a list the store lacks, a range for each."""
        stored = [json.loads(line)[1] for line in listed.splitlines()]
        missing = [[n, 1] for n, one in enumerate(stored) if one and one not in self.store]
        return {"missing": missing, "parts": [], "files": len(missing), "bytes": 0}

    def receive(self, sent: bytes) -> Json:
        """Keep what arrives."""
        arrived = untar(sent)
        self.store |= set(arrived)
        return {"stored": len(arrived), "bytes": sum(map(len, arrived.values())), "damaged": 0}

    def assemble(self, request: Json) -> Json:
        """Keep the release; a store that was damaged says so first."""
        if self.damaged:
            self.store -= self.damaged
            count, self.damaged = len(self.damaged), set()
            return {"release": None, "damaged": count}
        self.releases.append(request["release"])
        self.settings[request["release"]] = request.get("settings") or self._made_of(request)
        return {"release": request["release"]}

    def _made_of(self, request: Json) -> Json:
        """Another release's settings, with an environment of its own."""
        left = ("env", "secrets", "migrate")
        kept = {key: value for key, value in self.settings[request["made_of"]].items() if key not in left}
        return {**kept, **{key: request[key] for key in left if key in request}}

    def migrate(self, request: Json) -> Json:
        """Once for each release."""
        release, settings = request["release"], self.settings[request["release"]]
        if release not in self.migrated:
            self.migrated.append(release)
            self._note(release, "succeeded", settings["migrate"]["irreversible"])
        return {"ran": True, "seconds": 0.1}

    def noted(self, request: Json) -> Json:
        """Remember that another host migrates (the verb `migrated`)."""
        self._note(request["release"], "noted", request["irreversible"])
        return {}

    def _note(self, release: str, state: str, irreversible: bool) -> None:
        line = {
            "release": release,
            "state": state,
            "irreversible": irreversible,
            "time": "2026-11-01T00:00:00Z",
        }
        self.migrations[release] = line

    def hook(self, request: Json) -> Json:
        """Remember that it ran; `false` fails."""
        self.hooks.append(request)
        if request["command"] == "false":
            raise ReleaseFailed("a hook failed", host=self.host.name, why="false: it ended with exit code 1")
        return {"release": request.get("release", self.current), "seconds": 0.0}

    def describe(self, request: Json) -> Json:
        """What another host needs to assemble a release."""
        manifest = {"digest": "d" * 64, "files": 1}
        return {"manifest": manifest, "settings": self.settings[request["release"]]}

    def prune(self, _: Json) -> Json:
        """Keep everything."""
        return {"removed": []}
