"""The steps of a release and of a rollback (docs/internals.md). Pure: what --dry-run prints is what runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.pool import Colour
from orchestrator.model.step import Step
from orchestrator.plan import hooks, jobs, migration

CONFIRM_SECONDS = 60
"""After this time a load balancer flips back by itself unless the controller has confirmed (our choice)."""

_ALL = 100
"""Share of a flip: every request (percent)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to become live.

    Attributes:
        release: Release id.
        colour: The pool that it starts in.
        settings: The release's settings.
        manifest: The bundle's as JSON, without its files; None where the release is on the hosts (a rollback).
        made_of: The release on the hosts that it is made of, with another environment; empty for any other.
        instances: On each app host (count); 0 for what the settings say.
    """

    release: str
    colour: Colour
    settings: dict[str, Any]
    manifest: dict[str, Any] | None = None
    instances: int = 0
    made_of: str = ""

    @property
    def is_new(self) -> bool:
        """Whether hosts have to make the release first."""
        return self.manifest is not None or bool(self.made_of)

    @property
    def size(self) -> int:
        """Instances of the pool on each app host (count)."""
        return self.instances or int(self.settings["instances"])


def idle_colour(facts: FleetFacts) -> Colour:
    """The pool that a release starts in: the one that is not live."""
    return facts.colour.other if facts.colour else Colour.BLUE


def confirm_seconds(config: AppConfig) -> int:
    """How long a flip waits for its confirmation: its hooks come before that."""
    return CONFIRM_SECONDS + hooks.flip_seconds(config)


def steps(config: AppConfig, facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    """Every step from the lock to its return."""
    everyone = tuple(sorted(host.name for host in facts.hosts))
    return (
        Step("take the lock", "lock", everyone),
        *_send(facts, target),
        *_hooks(config, facts, target, hooks.START),
        *_migrate(facts, target),
        *_boot(config, facts, target),
        *_hooks(config, facts, target, hooks.GATE),
        *_change_over(config, facts, target),
        *jobs.steps(facts, target.release, target.settings),
        *_hooks(config, facts, target, hooks.CONFIRM),
        *_tidy(config, facts, target),
        Step("give the lock back", "unlock", everyone, tidy=True),
    )


def _hooks(config: AppConfig, facts: FleetFacts, target: Target, phase: str) -> tuple[Step, ...]:
    """On a host they run in the directory of the release that is to become live."""
    command = "release" if target.is_new else "rollback"
    told = {
        "command": command, "stage": facts.stage.name, "release": target.release, "previous": facts.live,
    }  # fmt: skip
    return hooks.steps(config, phase, told, facts, of=target.release)


def _send(facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    apps = _names(facts)
    if target.made_of:
        request = {"release": target.release, "made_of": target.made_of}
        request |= {key: target.settings[key] for key in ("env", "secrets") if key in target.settings}
        return (Step(f"assemble {target.release}", "assemble", apps, request),)
    if target.manifest is None:
        return ()
    assemble = {
        "release": target.release,
        "manifest_digest": target.manifest["digest"],
        "settings": target.settings,
    }
    return (
        Step("compare files", "offer", apps, {"manifest": target.manifest}),
        Step("send missing files", "receive", apps),
        *install(target.manifest, target.settings, apps),
        Step(f"assemble {target.release}", "assemble", apps, assemble),
    )


def install(manifest: dict[str, Any], settings: dict[str, Any], hosts: tuple[str, ...]) -> tuple[Step, ...]:
    """The step of hosts that install the dependencies themselves (build.install: host)."""
    if not manifest.get("install"):
        return ()
    request = {"manifest_digest": manifest["digest"], "node": settings["node"]}
    return (Step("install dependencies", "install", hosts, request),)


def _migrate(facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    """Never in a rollback."""
    return () if target.manifest is None else migration.steps(facts, target.release, target.settings)


def _boot(config: AppConfig, facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    """Start and gate: at once, or with `surge: 1` one instance more at a time, each healthy before the next boots."""
    total = target.size
    counts = range(1, total + 1) if config.release.surge == 1 else (total,)
    return tuple(step for count in counts for step in _boot_to(facts, target, count, total))


def _boot_to(facts: FleetFacts, target: Target, count: int, total: int) -> tuple[Step, Step]:
    pool = {"colour": target.colour.value}
    part = "" if count == total else f" up to instance {count} of {total}"
    only = {} if count == total else {"instances": count}
    only |= {} if total == target.settings["instances"] else {"size": total}
    start = {**pool, "release": target.release, **only}
    return (
        Step(f"start the {target.colour} pool{part}", "start", _names(facts), start),
        Step(
            f"wait until it is healthy{part}",
            "gate",
            _names(facts),
            {**pool, **target.settings["health"]},
        ),
    )


def _change_over(config: AppConfig, facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    balancers = tuple(host.name for host in facts.loadbalancers)
    only_apps = tuple(host.name for host in facts.apps if host.name not in balancers)
    confirm = {"colour": target.colour.value, "release": target.release}
    on_apps = (Step("confirm on the app hosts", "confirm", only_apps, confirm),) if only_apps else ()
    return (
        *_flips(config, facts, target, balancers),
        *_hooks(config, facts, target, hooks.FLIP),
        *on_apps,
        Step("confirm", "confirm", balancers, confirm),
    )


def _flips(
    config: AppConfig, facts: FleetFacts, target: Target, balancers: tuple[str, ...]
) -> tuple[Step, ...]:
    """The canary's shares and the flip, each with its watch; a first release has nothing to be compared with."""
    seconds = config.release.watch_seconds if is_watched(config, facts, target) else 0
    wait = confirm_seconds(config)
    flip = {"colour": target.colour.value, "confirm_seconds": wait, "instances": target.size}
    if target.manifest is not None:
        flip |= migration.across(target.release, target.settings)
    everyone = tuple(dict.fromkeys(host.name for host in (*facts.loadbalancers, *facts.apps)))
    watch = {
        "colour": target.colour.value,
        "seconds": seconds,
        "confirm_seconds": wait,
        "path": target.settings["health"]["path"],
    }
    steps = []
    for share in (*(one for one in config.release.canary if seconds and one < _ALL), _ALL):
        title, part = f"flip to {target.colour}", {}
        if share < _ALL:
            title, part = f"send {share} % of the requests to {target.colour}", {"share": share}
        steps.append(Step(title, "flip", balancers, {**flip, **part}))
        if seconds:
            about = f"watch {share} % of the requests" if config.release.canary else "watch it"
            steps.append(Step(f"{about} for {seconds} s", "watch", everyone, {**watch, "share": share}))
    return tuple(steps)


def is_watched(config: AppConfig, facts: FleetFacts, target: Target) -> bool:
    """Whether the flip is watched: there is a release to compare with and to go back to."""
    return config.release.watch_seconds > 0 and any(host.pools[target.colour.other] for host in facts.apps)


def _tidy(config: AppConfig, facts: FleetFacts, target: Target) -> tuple[Step, ...]:
    old = target.colour.other
    drain = {"colour": old.value, "timeout_seconds": config.release.drain_seconds}
    used = any(host.pools[old] for host in facts.apps)
    drained = (Step(f"drain the {old} pool", "drain", _names(facts), drain, tidy=True),) if used else ()
    if not target.is_new:
        return drained
    keep = {"keep": config.release.keep}
    return (*drained, Step("remove old releases", "prune", _names(facts), keep, tidy=True))


def _names(facts: FleetFacts) -> tuple[str, ...]:
    return tuple(host.name for host in facts.apps)
