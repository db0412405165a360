"""The release of a rebuilt host: from the rest of the fleet, else out of the backup, else built from its commit."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.config import AppConfig, load
from orchestrator.errors import ReleaseFailed
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.rebuild import Way
from orchestrator.plan import services
from orchestrator.project.checkout import checked_out
from orchestrator.report.reporter import Reporter
from orchestrator.transport import http
from orchestrator.workflows import build, env_apply, fleet, membership, release, rollback
from orchestrator.workflows.fleet import Opener, opened

COMMAND = "host rebuild"
ANSWER_SECONDS = 30.0
"""How long the first good answer may take behind the gate (our choice)."""

_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Back:
    """What is live now, and where it came from."""

    way: Way
    release: str
    notes: tuple[str, ...] = ()


def bring_back(
    config: AppConfig, stage: Stage, host: Host, reporter: Reporter, opener: Opener, *, is_in_backup: bool
) -> Back:  # fmt: skip
    """Make the host serve what the lost one served, behind the same gate and flip as every release.

    Args:
        config: The app.
        stage: With the new host in the lost one's place.
        host: The new host; its data are back.
        reporter: Progress.
        opener: How the agents are reached.
        is_in_backup: Whether the host is made of a backup, which may have the releases.
    Raises: VpsdeployError: the data are restored; its state says what is live.
    """
    with opened(config, stage, opener) as context:
        facts = context.facts(also=(host.name,))
        if there := _serves(facts, host):
            return Back(Way.FLEET if len(facts.apps) > 1 else Way.BACKUP, there)
        others = [one for one in facts.apps if one.name != host.name and one.current]
        from_backup = host.is_app and is_in_backup and not others
        told = context.call(host.name, "rebuild", {"part": "releases"}) if from_backup else {}
    if others:
        return _from_others(config, stage, host, reporter, opener, others[0].current)
    if not told:
        return Back(Way.NONE, "", ("no release: no app host has one",) if stage.app_hosts else ())
    notes = tuple(str(text) for text in told["notes"])
    if told["release"]:
        wish = rollback.Wish(str(told["release"]), across_irreversible=True, command=COMMAND)
        rollback.run(config, stage, wish, reporter, opener)
        return Back(Way.BACKUP, wish.release, notes)
    if not told["revision"] and "nothing was released" in str(told["why"]):
        return Back(Way.NONE, "", (*notes, f"no release: {told['why']}"))
    reporter.note(f"the release is not in the backup ({told['why']}): it is built again")
    return _built(config, stage, str(told["revision"]), notes, reporter, opener)


def _serves(facts: FleetFacts, host: Host) -> str:
    """The release that the host serves already: an earlier try got that far.

    Of a load balancer alone nobody can tell: a new one routes to blue until it is told.
    """
    seen = facts.of(host.name)
    if seen is None or not host.is_app or not facts.live or host.name in facts.out:
        return ""
    return facts.live if seen.release_of(facts.colour) == facts.live == seen.current else ""


def _from_others(
    config: AppConfig, stage: Stage, host: Host, reporter: Reporter, opener: Opener, current: str
) -> Back:  # fmt: skip
    """What the other app hosts run. Load balancers that are new are told first where that is."""
    wish, live = membership.Wish(host.name), current
    if any(one.is_remote for one in services.on_host(services.placed(config, stage), host.name)):
        # They know this host by its old address and certificates: a release with those of now, which it is given, too.
        if host.is_app:
            membership.drain(config, stage, wish, reporter, opener)
        elif host.is_loadbalancer:
            membership.join(config, stage, wish, reporter, opener)
        live = env_apply.run(config, stage, env_apply.Wish(), reporter, opener).release
    if host.is_app or host.is_loadbalancer:
        live = membership.join(config, stage, wish, reporter, opener).release
    if not live:
        again = rollback.Wish(current, across_irreversible=True, command=COMMAND)
        live = rollback.run(config, stage, again, reporter, opener).release
    return Back(Way.FLEET, live)


def _built(
    config: AppConfig, stage: Stage, revision: str, notes: tuple[str, ...], reporter: Reporter, opener: Opener
) -> Back:  # fmt: skip
    into = config.project_dir / build.OWN_DIRECTORY / "rebuild"
    dirty = (
        (f"the lost release had changes that no commit has ({revision})",)
        if revision.endswith("-dirty")
        else ()
    )
    with checked_out(config.project_dir, revision, into) as directory:
        then = load(directory)
        made = release.run(then, stage, release.Wish(), reporter, opener)
    return Back(
        Way.BUILD, made.release, (*notes, *dirty, f"the release was built again from {revision[:12]}")
    )


def answered(config: AppConfig, stage: Stage, opener: Opener) -> str:
    """Ask the app as users do, through every load balancer, until it answers.

    Returns: the URL.
    Raises: ReleaseFailed: it does not answer.
    """
    with opened(config, stage, opener) as context:
        facts = context.facts()
        url, targets = fleet.url(context, facts), fleet.targets(context, facts, stage.loadbalancers)
    deadline = time.monotonic() + ANSWER_SECONDS
    waiting = list(targets)
    while waiting := [one for one in waiting if not http.reachable(one)]:
        if time.monotonic() > deadline:
            raise ReleaseFailed(
                "the app does not answer", why=f"GET {url} by {waiting[0].address} port {waiting[0].port}, "
                f"for {ANSWER_SECONDS:g} s", state="the data are restored, the release is live", next="vpsdeploy logs",
            )  # fmt: skip
        time.sleep(_PAUSE_SECONDS)
    return url
