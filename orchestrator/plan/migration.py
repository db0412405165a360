"""The migration of a release: its steps, what is checked before it, what is said after it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Set
from typing import Any

from orchestrator.errors import ProjectError, UsageError
from orchestrator.facts import migrations
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.step import Step

VERB = "migrate"
_MANAGERS = ("npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg", "bun", "bunx", "corepack")
"""Programs that are on no host: it runs what the bundle holds."""

_OF_THE_HOST = frozenset(
    {"node", "sh", "bash", "env", "test", "true", "false", "echo", "cd", "exec", "set", "export", "timeout", "nice"}
)  # fmt: skip
"""What a shell and Debian's base bring."""

_PACKAGES = {
    "prisma": "prisma", "typeorm": "typeorm", "mikro-orm": "@mikro-orm/cli", "mikro-orm-esm": "@mikro-orm/cli",
    "sequelize": "sequelize-cli", "sequelize-cli": "sequelize-cli", "knex": "knex", "drizzle-kit": "drizzle-kit",
}  # fmt: skip
"""The package that brings a program."""

_SCRIPT = re.compile(r"[\w@+-][\w./@+-]*\.[cm]?js")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")


def steps(facts: FleetFacts, release: str, settings: dict[str, Any]) -> tuple[Step, ...]:
    """None where the release has no migration. Other hosts note it too: the one that ran it may be gone later."""
    migrate = settings.get("migrate")
    if not migrate:
        return ()
    first, *others = (host.name for host in facts.apps)
    request = {"release": release}
    noted = {**request, "irreversible": migrate["irreversible"]}
    note = [Step("note the migration on the other hosts", "migrated", tuple(others), noted)] if others else []
    return (*note, Step("migrate the database", VERB, (first,), request))


def across(release: str, settings: dict[str, Any]) -> dict[str, str]:
    """What a flip has to know, so that the timer that undoes it says what it crosses."""
    return {"across": release} if (settings.get("migrate") or {}).get("irreversible") else {}


def check_command(command: str, files: Set[str]) -> None:
    """The bundle holds what the command runs, as far as that can be seen.

    Args:
        command: For a shell.
        files: Paths of the bundle.

    Raises: ProjectError: a program or a script that no host has.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise _wrong(
            command, f"a shell cannot read it: {error}", "correct migrate.command in vpsdeploy.yml"
        ) from None
    program = next((word for word in words if not _ASSIGNMENT.fullmatch(word)), "")
    _check_program(command, program, files)
    for word in words:
        path = word.removeprefix("./")
        if _SCRIPT.fullmatch(path) and path not in files:
            raise _wrong(
                command, f"the bundle has no file {path}",
                "name the compiled file, or ship it: build.include in vpsdeploy.yml",
            )  # fmt: skip


def _check_program(command: str, program: str, files: Set[str]) -> None:
    if program in _MANAGERS:
        why = f"{program} is not on the hosts: they run Node and what the bundle holds"
        raise _wrong(
            command,
            why,
            "name the program itself, as in `prisma migrate deploy`: node_modules/.bin is on the PATH",
        )
    path = program.removeprefix("./")
    if (
        program in _OF_THE_HOST
        or program.startswith(("/", "$", "(", "{"))
        or {path, f"node_modules/.bin/{path}"} & files
    ):
        return
    package = _PACKAGES.get(program, program)
    advice = (
        f"move {package} from devDependencies to dependencies in package.json (npm install --save-prod {package}): "
        "development dependencies are not shipped"
    )
    if "/" in program:
        advice = "correct migrate.command, or ship the file: build.include in vpsdeploy.yml"
    raise _wrong(command, f"the bundle has no program {program}", advice)


def _wrong(command: str, why: str, advice: str) -> ProjectError:
    return ProjectError(
        "the migration cannot run",
        why=f"migrate.command is `{command}`; {why}",
        state="nothing was touched",
        next=advice,
    )


def guard(facts: FleetFacts, release: str, *, allowed: bool) -> None:
    """A rollback neither crosses an irreversible migration unasked, nor begins what never got its database.

    Raises: UsageError: nothing was changed.
    """
    own = migrations.known(facts).get(release)
    if own and own.state in ("failed", "begun"):
        raise UsageError(
            f"the migration of {release} did not succeed",
            why=f"it has {own.state} at {own.time}: the database is not what the release needs",
            state=f"nothing was changed; {facts.state()}",
            next="vpsdeploy release",
        )
    if not allowed and (later := migrations.irreversible_after(facts, release)):
        listed = "\n".join(f"{one.release}  {one.state} at {one.time}" for one in later)
        raise UsageError(
            f"release {release} is older than a migration that is marked irreversible",
            why=f"it may not be able to live with the database as it is now; irreversible are:\n{listed}",
            state=f"nothing was changed; {facts.state()}",
            next=f"vpsdeploy rollback {release} --across-irreversible, if you know that it can",
        )


def aftermath(release: str, settings: dict[str, Any], live: str, *, done: bool, ended: bool) -> str:
    """What an error has to add to its state once a migration has begun.

    Args:
        release: Whose migration it is.
        settings: Of the release.
        live: What serves users after all.
        done: Whether it has succeeded.
        ended: Whether it is known to run no more.
    """
    who = f"the migration of {release}"
    if done:
        said = f"{who} has run and stays in the database"
    elif ended:
        said = f"{who} has failed, and what it did until then stays in the database"
    else:
        said = f"{who} was begun: it goes on to its end on the host, and the next release waits for it"
    if not (settings.get("migrate") or {}).get("irreversible"):
        return f"; {said}"
    return f"; CAREFUL: {said}; it is marked irreversible: {live or 'an older release'} may not be able to live with it"
