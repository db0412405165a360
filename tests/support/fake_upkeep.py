"""The agent's verbs on a host in memory. What it does besides releases, from locks to updates."""

from __future__ import annotations

from orchestrator.errors import LockHeld, UsageError
from tests.support.fake_state import APP, Json, State, https, kept


class Upkeep(State):
    """Locks, certificates, maintenance, backups, services, bans, updates."""

    def do_lock(self, request: Json) -> Json:
        """Take the lock unless another owner has it; a person's lock is nobody else's, dead or not."""
        before, manual = self.lock, bool(request.get("manual"))
        is_same = before and before["owner"] == request["owner"] and bool(before.get("manual")) == manual
        dead = before and not before.get("manual") and before["owner"] == request.get("dead_owner")
        if before and not (is_same or dead):
            raise LockHeld("another release is running", host=self.host.name, why=before["message"])
        self.lock = {"owner": request["owner"], "message": request["message"]}
        self.lock |= {"manual": True} if manual else {}
        return {"token": f"token-{self.host.name}", "again": bool(is_same and manual)}

    def unlock(self, request: Json) -> Json:
        """Give it back, and keep the story that comes with it."""
        before, owned = self.lock, request.get("token") == f"token-{self.host.name}"
        if before and before.get("manual") and not (owned or request["force"]):
            raise LockHeld("the app is locked", host=self.host.name, why=before["message"])
        if entry := request.get("entry"):
            line = {"verb": entry["command"], "summary": True, "change": request["change"]}
            self.history.append(line | {key: entry[key] for key in ("from", "to", "result", "figures")})
        self.lock = None
        return {"released": before is not None, "was": before}

    def is_locked_by(self, request: Json) -> bool:
        """Whether a verb that changes something comes from who holds the lock."""
        return self.lock is not None and request.get("token") == f"token-{self.host.name}"

    def renew(self, _: Json) -> Json:
        """A lease in memory never runs out."""
        return {}

    def certificate(self, request: Json) -> Json:
        """A new one where it is missing or asked for; `authority` says why there is none."""
        assert self.tls
        if self.tls["certificate"] and not request["renew"]:
            return {"state": self.tls, "names": self.tls["domains"], "changed": False, "notices": []}
        if self.authority:
            return {"state": self.tls, "names": [], "changed": False, "notices": [self.authority]}
        self.tls = https(*self.tls["domains"], serial="02")
        return {"state": self.tls, "names": self.tls["domains"], "changed": True, "notices": []}

    def do_maintenance(self, request: Json) -> Json:
        """As asked for, from now on."""
        before = self.maintenance
        kept = {"message", "allow", "retry_after_seconds"}
        stamp = {"since": "2026-11-01T00:00:00Z", "by": request.get("on_behalf_of", "test@here")}
        asked = {key: value for key, value in request.items() if key in kept}
        self.maintenance = {**asked, **stamp} if request["on"] else None
        return {"maintenance": self.maintenance, "before": before, "changed": before != self.maintenance}

    def backup_keys(self, request: Json) -> Json:
        """Keep them; what was there before is gone."""
        changed, self.backup_files = self.backup_files != request["keys"], request["keys"]
        return {"changed": changed}

    def do_backup(self, _: Json) -> Json:
        """One more, at every target."""
        assert self.backup_files, "a host without keys"
        self.backup = kept(self.backup)
        return {"last": {"result": "done"}, "backup": self.backup}

    def drill(self, _: Json) -> Json:
        """Each target's newest backup is proven."""
        assert self.backup
        self.backup = kept(self.backup, drilled=True)
        return {"drill": {"result": "done"}, "backup": self.backup}

    def db_load(self, request: Json, content: bytes) -> Json:
        """It takes the place of what is there, if one insists."""
        if not request["force"]:
            raise UsageError("the database shop is in use", host=self.host.name)
        self.database = content
        return {
            "restored": ["database shop: 2 tables, 2000 rows"],
            "kept": ["shop as it was before: /x.dump"],
        }

    def backup_list(self, _: Json) -> Json:
        """One for each that was made."""
        found = [{"id": "6f06cbf8", "time": "2026-11-26T03:12:12.1Z", "paths": [], "tags": []}]
        known = self.backup or kept(None, made=False)
        targets = {name: {"snapshots": found if one["good"] else [], "problem": ""}
                   for name, one in known["targets"].items()}  # fmt: skip
        return {"targets": targets, "backup": known}

    def backup_verify(self, _: Json) -> Json:
        """Nothing is ever damaged in memory."""
        return {"verified": ["disk"], "part": "", "backup": self.backup}

    def restore(self, request: Json) -> Json:
        """What was asked for is back."""
        return {"target": "disk", "snapshot": "6f06cbf8", "backup_time": "2026-11-26T03:12:09Z", "seconds": 2.8,
                "restored": [f"table {request['table']}"], "kept": []}  # fmt: skip

    def rebuild(self, request: Json) -> Json:
        """A part of what a lost host was: two tables, a certificate, and the release that `kept_release` names."""
        part, name = request["part"], self.kept_release
        self.rebuilt.append(part)
        if part == "look" and request["optional"] and self.no_backup:
            return {"target": "", "snapshot": "", "done": [], "backup_time": "", "age_seconds": 0, "release": None,
                    "why": "disk: there is no repository"}  # fmt: skip
        if part == "look":
            live = {"id": name, "revision": "c0ffee", "subject": "x"} if name else None
            return {"target": request["target"] or "disk", "snapshot": request["snapshot"] or "6f06cbf8", "done": [],
                    "backup_time": "2026-11-26T03:12:09Z", "age_seconds": 30120, "release": live}  # fmt: skip
        if part == "data":
            return {"restored": ["database shop: 2 tables, 20 rows"], "kept": []}
        if part == "certificate":
            return {"certificate": "restored", "names": ["shop.example"]}
        if part == "releases" and name and not self.bits_lost:
            self.releases, self.settings = [name], {name: {"instances": 1, "health": {"path": "/health"}}}
            return {
                "release": name,
                "revision": "c0ffee",
                "subject": "x",
                "why": "",
                "releases": [name],
                "notes": [],
            }
        why = "the backup holds no files of it" if name else "nothing was released when it was made"
        known = {"revision": "c0ffee" if name else "", "subject": ""}
        return {"release": None, "why": why, "releases": [], "notes": [], **known}

    def do_receivers(self, request: Json) -> Json:
        """Whom to tell from now on."""
        self.receivers = request["receivers"]
        return {"changed": True, "lacking": [one["name"] for one in self.receivers if "url" not in one]}

    def service(self, request: Json) -> Json:
        """The app's login; the password is remembered as the host would see it."""
        name, password = request["service"], request["password"].reveal()
        changed = [] if self.passwords.get(name) == password else [f"user {APP}"]
        self.passwords[name] = password
        return {"changed": changed, "certificate": ""}

    def services(self, _: Json) -> Json:
        """Every service that somebody can log in to runs."""
        told = {"running": True, "version": "17.7", "memory_bytes": 1 << 20, "connections": 3, "connections_max": 120,
                "data_bytes": 1 << 20, "waits": [], "why": ""}  # fmt: skip
        certificate = f"certificate of {self.host.name}\n"
        found = [{"service": name, "certificate": certificate, **told} for name in sorted(self.carried)]
        return {"services": [{**one, **self.ailing} for one in found]}

    def trust(self, request: Json) -> Json:
        """Remember whom to believe."""
        changed, self.trusted = self.trusted != request["certificates"], request["certificates"]
        return {"changed": changed}

    def do_bans(self, _: Json) -> Json:
        """Who is kept out."""
        return {"bans": self.bans, "watched": True}

    def ban(self, request: Json) -> Json:
        """One more, since 1000."""
        until = 1000.0 + request["seconds"] if request["seconds"] else None
        made = {"address": request["address"], "source": "added", "since": 1000.0, "until": until, "ports": "all",
                "times": 1, "origin": "", "by": "test@here"}  # fmt: skip
        self.bans.append(made)
        return {"bans": [made]}

    def lift(self, request: Json) -> Json:
        """One less."""
        ended = [one for one in self.bans if one["address"] == request["address"]]
        self.bans = [one for one in self.bans if one not in ended]
        return {"lifted": ended}

    def updates(self, _: Json) -> Json:
        """What waits; a host that restarts is back at once, in a new boot."""
        state = self.states.pop(0) if self.states else "running"
        standing = {
            "reboot_required": self.reboot_required,
            "reboot_for": [],
            "stale": self.stale,
            "behind": self.behind,
            "state": state,
        }
        return {"pending": self.pending_updates, "boot": f"boot-{self.boots}", **standing}

    def upgrade(self, request: Json) -> Json:
        """Install at once; a new kernel asks for a reboot."""
        wanted = [
            one
            for one in self.pending_updates
            if (one["security"] or request["all"]) and not (request["hold"] and one["restarts"])
        ]
        self.pending_updates = [one for one in self.pending_updates if one not in wanted]
        self.reboot_required |= any(one["package"].startswith("linux-image") for one in wanted)
        behind = {*self.behind} if request["renew"] else set[str]()
        restarted = sorted({one["restarts"] for one in wanted if one["restarts"]} | behind)
        self.behind = [one for one in self.behind if one not in behind]
        self.history.append({"verb": "upgrade"})
        return {**self.updates({}), "upgraded": wanted, "nginx_renewed": False, "restarted": restarted}

    def reboot(self, _: Json) -> Json:
        """In memory it takes no time."""
        before = f"boot-{self.boots}"
        self.boots += 1
        self.reboot_required, self.stale = False, []
        return {"boot": before}
