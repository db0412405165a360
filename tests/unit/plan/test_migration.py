"""A release's migration: which command can run, which rollback is refused, what an error says of it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import ProjectError, UsageError
from orchestrator.facts import host, migrations
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import migration
from tests.support.fleet import APP, FakeHost, stage

OLD, MIDDLE, NEW = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb", "20261103000000-cccccccc"
FILES = {
    "dist/data-source.js", "node_modules/.bin/typeorm", "node_modules/.bin/prisma", "bin/migrate", "scripts/up.cjs",
}  # fmt: skip


def facts(*known: tuple[str, str, str, bool], live: str = NEW) -> FleetFacts:
    """Two app hosts; each of `known` is (host, release, state, irreversible)."""
    of = stage("web-1", "web-2")
    fakes = [FakeHost(one) for one in of.hosts]
    for fake in fakes:
        fake.releases = [OLD, MIDDLE, NEW]
        fake.pools["blue"] = {"release": live, "ports": [4001], "state": "running"}
        for name, release, state, irreversible in known:
            if name == fake.host.name:
                fake._note(release, state, irreversible)
    return FleetFacts(of, tuple(host.parse(fake.host.name, APP, fake.facts({})) for fake in fakes))


def settings(**more: Any) -> dict[str, Any]:
    """Of a release with a migration."""
    return {
        "migrate": {"command": "prisma migrate deploy", "timeout_seconds": 600, "irreversible": False, **more}
    }


@pytest.mark.parametrize(
    "command",
    [
        "prisma migrate deploy",
        "typeorm migration:run -d dist/data-source.js",
        "node scripts/up.cjs --all",
        "LOG=1 ./bin/migrate && echo done",
        "/usr/bin/psql -f x.sql",
        "node ./dist/data-source.js",
    ],
)
def test_a_command_of_the_bundle_is_accepted(command: str) -> None:
    """A program of node_modules/.bin, a script, a path, what every host has."""
    migration.check_command(command, FILES)


@pytest.mark.parametrize(
    ("command", "why", "advice"),
    [
        ("npx prisma migrate deploy", "npx is not on the hosts", "node_modules/.bin is on the PATH"),
        ("npm run migrate", "npm is not on the hosts", "name the program itself"),
        ("mikro-orm migration:up", "no program mikro-orm", "npm install --save-prod @mikro-orm/cli"),
        (
            "A=1 sequelize-cli db:migrate",
            "no program sequelize-cli",
            "move sequelize-cli from devDependencies",
        ),
        ("typeorm migration:run -d dist/missing.js", "no file dist/missing.js", "build.include"),
        ("./bin/other", "no program ./bin/other", "build.include"),
        ("echo 'half", "a shell cannot read it", "correct migrate.command"),
    ],
)
def test_a_command_that_no_host_can_run_is_refused(command: str, why: str, advice: str) -> None:
    """Before anything is touched, and it says what to do: as a rule the tool is a development dependency."""
    with pytest.raises(ProjectError) as caught:
        migration.check_command(command, FILES)
    assert why in caught.value.why
    assert advice in caught.value.next
    assert caught.value.state == "nothing was touched"


def test_one_host_migrates_and_the_others_note_it() -> None:
    """Before: should the host be lost later, they still know."""
    steps = migration.steps(facts(), NEW, settings(irreversible=True))
    assert [(step.verb, step.hosts) for step in steps] == [("migrated", ("web-2",)), ("migrate", ("web-1",))]
    assert steps[0].request == {"release": NEW, "irreversible": True}


def test_without_a_migration_there_is_no_step() -> None:
    """Nor a round trip."""
    assert migration.steps(facts(), NEW, {}) == ()


def test_a_rollback_across_an_irreversible_migration_is_refused() -> None:
    """It names the migration and the option."""
    found = facts(("web-1", MIDDLE, "succeeded", True))
    with pytest.raises(UsageError) as caught:
        migration.guard(found, OLD, allowed=False)
    assert f"{MIDDLE}  succeeded" in caught.value.why
    assert "--across-irreversible" in caught.value.next
    migration.guard(found, OLD, allowed=True)
    migration.guard(found, MIDDLE, allowed=False)


def test_one_host_that_knows_is_enough() -> None:
    """The host that ran it may have been replaced."""
    with pytest.raises(UsageError, match="irreversible"):
        migration.guard(facts(("web-2", MIDDLE, "noted", True)), OLD, allowed=False)


def test_a_host_that_is_out_is_asked_too() -> None:
    """It may be the one that ran it."""
    found = facts(("web-1", MIDDLE, "succeeded", True))
    out = FleetFacts(found.stage, found.hosts[1:], away=found.hosts[:1])
    with pytest.raises(UsageError, match="irreversible"):
        migration.guard(out, OLD, allowed=False)


def test_a_reversible_migration_can_be_gone_back_behind() -> None:
    """The code before it can live with it."""
    migration.guard(facts(("web-1", MIDDLE, "succeeded", False)), OLD, allowed=False)


@pytest.mark.parametrize("state", ["failed", "begun"])
def test_a_release_whose_migration_failed_cannot_be_rolled_back_to(state: str) -> None:
    """It was never live, and its database was never made."""
    with pytest.raises(UsageError, match="did not succeed"):
        migration.guard(
            facts(("web-1", MIDDLE, state, False), ("web-2", MIDDLE, "noted", False)), MIDDLE, allowed=True
        )


def test_the_host_that_ran_it_knows_best() -> None:
    """What the others have noted says nothing of its end."""
    found = migrations.known(facts(("web-1", MIDDLE, "succeeded", False), ("web-2", MIDDLE, "noted", False)))
    assert found[MIDDLE].state == "succeeded"


def test_a_live_release_that_is_older_than_an_irreversible_migration_is_said_loudly() -> None:
    """However it became live: by a timer, by an undo, by hand."""
    found = facts(("web-1", NEW, "succeeded", True), live=OLD)
    (line,) = migrations.crossed(found, OLD)
    assert line.startswith(f"CAREFUL: {OLD} runs on a database that the migration of {NEW} has changed")
    assert migrations.crossed(found, NEW) == []
    assert migrations.crossed(found, "") == []


@pytest.mark.parametrize(
    ("irreversible", "done", "ended", "said"),
    [
        (False, True, True, f"; the migration of {NEW} has run and stays in the database"),
        (
            False,
            False,
            True,
            f"; the migration of {NEW} has failed, and what it did until then stays in the database",
        ),
        (True, True, True, f"it is marked irreversible: {OLD} may not be able to live with it"),
        (
            True,
            False,
            False,
            "; CAREFUL: the migration of " + NEW + " was begun: it goes on to its end on the host",
        ),
    ],
)
def test_an_error_says_what_the_migration_leaves(
    irreversible: bool, done: bool, ended: bool, said: str
) -> None:
    """Never "nothing was changed" once it has begun."""
    text = migration.aftermath(NEW, settings(irreversible=irreversible), OLD, done=done, ended=ended)
    assert said in text


def test_a_flip_knows_what_its_undo_would_cross() -> None:
    """Only where there is something."""
    assert migration.across(NEW, settings(irreversible=True)) == {"across": NEW}
    assert migration.across(NEW, settings()) == {}
    assert migration.across(NEW, {}) == {}
