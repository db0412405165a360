"""Releases with a migration on a fleet in memory: when it runs, and what is said when the release does not stay."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.config.migrate import MigrateConfig
from orchestrator.errors import HostUnreachable, ReleaseFailed, UsageError, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.bundle import Bundle
from orchestrator.model.change import Changed
from orchestrator.plan import choose, migration, settings
from orchestrator.plan.release import Target, idle_colour
from orchestrator.report import status
from orchestrator.transport import local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.sending import Sending
from tests.support.bundles import one_file
from tests.support.changes import NEW, OLD, Silent, fail_at
from tests.support.fleet import APP, FakeFleet, stage

TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])
THIRD = "20261103000000-cccccccc"
PLAIN = AppConfig(app=APP)


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    """One release is live, without a migration."""
    fleet = FakeFleet(TWO)
    release(fleet, OLD, PLAIN)
    fleet.calls.clear()
    return fleet


def config(*, irreversible: bool = False) -> AppConfig:
    """An app whose releases migrate."""
    return AppConfig(
        app=APP, migrate=MigrateConfig(command="prisma migrate deploy", irreversible=irreversible)
    )


def release(fleet: FakeFleet, name: str, of: AppConfig) -> Changed:
    """One release."""

    def decide(facts: FleetFacts) -> Target:
        return Target(
            name, idle_colour(facts), settings.of(of, "dist/main.js", "24.21.0"), asdict(shipped.manifest)
        )

    shipped = one_file(Path.cwd())
    return change(fleet, of, decide, shipped)


def rollback(fleet: FakeFleet, name: str, *, allowed: bool = False) -> Changed:
    """Back to a kept release."""

    def decide(facts: FleetFacts) -> Target:
        chosen = choose.named(facts, name)
        migration.guard(facts, chosen.id, allowed=allowed)
        return Target(chosen.id, idle_colour(facts), settings.kept(config(), chosen))

    return change(fleet, config(), decide)


def change(fleet: FakeFleet, of: AppConfig, decide: Any, shipped: Bundle | None = None) -> Changed:
    """Whatever is decided."""
    context = Context(of, TWO, fleet, local.this_process())
    acts = Sending(FromBundle(shipped), context, Silent()).acts if shipped else {}
    return ChangeOver(context, Silent(), context.facts(), decide, "change", acts).run()


def facts(fleet: FakeFleet) -> FleetFacts:
    """What the hosts say now."""
    return Context(PLAIN, TWO, fleet, local.this_process()).facts()


def test_it_runs_on_one_host_before_anything_starts(fleet: FakeFleet) -> None:
    """After the files are there; the other app host knows before."""
    release(fleet, NEW, config())
    order = [
        (host, verb) for host, verb in fleet.calls if verb in ("assemble", "migrated", "migrate", "start")
    ]
    assert order[2:4] == [("web-2", "migrated"), ("web-1", "migrate")]
    assert {verb for _, verb in order[:2]} == {"assemble"}
    assert {verb for _, verb in order[4:]} == {"start"}


def test_without_a_migration_no_host_is_asked(fleet: FakeFleet) -> None:
    """A release pays nothing for what it does not have."""
    release(fleet, NEW, PLAIN)
    assert not {"migrate", "migrated"} & {verb for _, verb in fleet.calls}


def test_a_migration_that_fails_stops_the_release(fleet: FakeFleet) -> None:
    """Nothing was started or flipped; that the database may have been changed in part is said."""
    fleet.fail = fail_at("migrate", ReleaseFailed("the migration failed"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, NEW, config())
    assert not {"start", "flip", "stop"} & {verb for _, verb in fleet.calls}
    assert caught.value.state == (
        f"live is {OLD} on all hosts; nothing was flipped; the migration of {NEW} has failed, "
        "and what it did until then stays in the database"
    )
    assert all(host.lock is None for host in fleet.hosts.values())


def test_a_host_lost_during_a_migration_is_no_failed_migration(fleet: FakeFleet) -> None:
    """It goes on in a unit of its host."""
    fleet.fail = fail_at("migrate", HostUnreachable("lost"))
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, NEW, config())
    assert "it goes on to its end on the host, and the next release waits for it" in caught.value.state


@pytest.mark.parametrize("verb", ["start", "gate", "flip", "confirm"])
def test_what_fails_after_it_never_claims_that_nothing_was_changed(fleet: FakeFleet, verb: str) -> None:
    """The old release is live again, on the new database; where that is marked irreversible, loudly."""
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, NEW, config(irreversible=True))
    assert fleet.summary() == {("green", OLD)}
    assert f"CAREFUL: the migration of {NEW} has run and stays in the database" in caught.value.state
    assert f"{OLD} may not be able to live with it" in caught.value.state
    text = status.text(APP, "http://x/", facts(fleet))
    assert f"CAREFUL: {OLD} runs on a database that the migration of {NEW} has changed" in text


def test_a_release_that_follows_ends_the_alarm(fleet: FakeFleet) -> None:
    """Forward is the way out."""
    fleet.fail = fail_at("gate", ReleaseFailed("it broke"))
    with pytest.raises(VpsdeployError):
        release(fleet, NEW, config(irreversible=True))
    changed = release(fleet, THIRD, config())
    assert changed.warnings == ()
    assert "CAREFUL" not in status.text(APP, "http://x/", facts(fleet))


def test_a_rollback_never_migrates(fleet: FakeFleet) -> None:
    """Neither the release that it goes back to nor today's configuration."""
    release(fleet, NEW, config())
    fleet.calls.clear()
    rollback(fleet, OLD)
    assert not {"migrate", "migrated"} & {verb for _, verb in fleet.calls}


def test_a_rollback_across_an_irreversible_migration_is_refused_unless_asked_for(fleet: FakeFleet) -> None:
    """Nothing is locked or started; asked for, it warns."""
    release(fleet, NEW, config(irreversible=True))
    fleet.calls.clear()
    with pytest.raises(UsageError, match="marked irreversible"):
        rollback(fleet, OLD)
    assert {verb for _, verb in fleet.calls} == {"facts"}
    (warning,) = rollback(fleet, OLD, allowed=True).warnings
    assert warning.startswith(f"CAREFUL: {OLD} runs on a database")


def test_the_hosts_know_it_though_the_one_that_ran_it_was_replaced(fleet: FakeFleet) -> None:
    """What its disk said is gone."""
    release(fleet, NEW, config(irreversible=True))
    fleet.hosts["web-1"].migrations.clear()
    with pytest.raises(UsageError, match="marked irreversible"):
        rollback(fleet, OLD)


def test_load_balancers_know_what_their_timer_would_cross(fleet: FakeFleet) -> None:
    """They may be all that is left when the controller is gone."""
    seen: list[dict[str, Any]] = []
    real = fleet.call

    def call(host: str, verb: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        if verb == "flip":
            seen.append(request)
        return real(host, verb, request, **more)

    fleet.call = call  # type: ignore[method-assign] # to listen in
    release(fleet, NEW, config(irreversible=True))
    assert [request.get("across") for request in seen] == [NEW, NEW]
