"""The agent's verbs on a host in memory. Pools, and which of them a load balancer sends requests to."""

from __future__ import annotations

from orchestrator.errors import ReleaseFailed
from tests.support.fake_state import APP, Json, State, tally


class Routes(State):
    """Pools, and which of them a load balancer sends requests to."""

    def start(self, request: Json) -> Json:
        """Put the pool on record."""
        first = 4001 if request["colour"] == "blue" else 4101
        wish: int = self.settings.get(request["release"], {}).get("instances", 1)
        size: int = request.get("size", wish)
        count = request.get("instances", size)
        ports = list(range(first, first + count))
        self.pools[request["colour"]] = {"release": request["release"], "ports": ports, "state": "running"}
        return {"ports": ports}

    def gate(self, _: Json) -> Json:
        """Healthy at once."""
        return {"instances": [{"port": 4101, "seconds": 0.1, "attempts": 1, "boot_seconds": 0.3}]}

    def flip(self, request: Json) -> Json:
        """Route to the pool, or a share of the requests, until the timer says otherwise."""
        if "instances" in request:
            self.sizes[request["colour"]] = request["instances"]
        if self.live != request["colour"]:
            share = request.get("share", 100)
            self.pending = {"from": self.live, "to": request["colour"], "share": share}
            self.live = request["colour"] if share == 100 else self.live
        return {}

    def hold(self, request: Json) -> Json:
        """A timer in memory only says whether there is one."""
        if not self.pending or self.pending["to"] != request["colour"]:
            raise ReleaseFailed("the flip was taken back", host=self.host.name)
        return {"held_seconds": request["confirm_seconds"]}

    def traffic(self, request: Json) -> Json:
        """The same figures at every look, of whichever pool is new."""
        new = self.pending["to"] if self.pending else ""
        groups = {colour: {"users": tally(), "probe": tally()} for colour in ("blue", "green")}
        after = {**groups, **({new: {"users": self.after, "probe": tally()}} if new else {})}
        old = "blue" if new == "green" else "green"
        before = {**groups, old: {"users": self.before, "probe": tally()}}
        told = {"mark": {"inode": 1, "offset": 2}, "pending": new or None, "after": after}
        return told if request.get("mark") else {**told, "before": before}

    def instances(self, request: Json) -> Json:
        """One healthy instance, unless a test says otherwise."""
        healthy = {"unit": f"{APP}@4101.service", "port": 4101, "state": "active", "sub_state": "running",
                   "restarts": 0, "unhealthy": "", "why": ""}  # fmt: skip
        pool = self.pools[request["colour"]] or {}
        return {"release": pool.get("release"), "instances": [{**healthy, **self.looks}]}

    def confirm(self, request: Json) -> Json:
        """Stay; remember the release."""
        if self.host.is_loadbalancer and self.live != request["colour"]:
            raise ReleaseFailed("the flip cannot be confirmed", host=self.host.name)
        self.pending = None
        if self.host.is_app and not request.get("route_only") and self.host.name not in self.out:
            self.current = request["release"]
        self.history.append({"verb": "confirm", "to": request["release"], "change": request.get("change")})
        return {}

    def return_(self, request: Json) -> Json:
        """Back to where a flip came from."""
        pending, self.pending = self.pending, None
        if pending:
            self.live = pending["from"]
            self.history.append(
                {"verb": "return", "to": pending["from"], "figures": {"why": request.get("why")}}
            )
        return {"returned": bool(pending)}

    def drain(self, request: Json) -> Json:
        """In memory nobody is connected: the pool ends at once. The live one is refused."""
        if self.live == request["colour"]:
            raise ReleaseFailed("the pool is live", host=self.host.name)
        self.pools[request["colour"]] = None
        return {"scheduled": True}

    def stop(self, request: Json) -> Json:
        """End a pool that nobody is on."""
        return self.drain(request)

    def leave(self, request: Json) -> Json:
        """Do without an app host; one at a time."""
        if self.out.keys() - {request["host"]}:
            raise ReleaseFailed("another is out already", host=self.host.name)
        self.out.setdefault(
            request["host"], {"by": "test@here", "since": "now", "dead": request.get("dead", False)}
        )
        return {"out": self.out}

    def join(self, request: Json) -> Json:
        """Take it back."""
        self.out.pop(request["host"], None)
        return {"out": self.out}

    def retire(self, _: Json) -> Json:
        """In memory nobody is connected: every pool ends at once."""
        self.pools = {"blue": None, "green": None}
        return {"cut_connections": 0}
