"""migrate: change the database for a release, once, in a unit that outlives us, and pass on what it writes.

The unit stays loaded when it has ended (RemainAfterExit, no --collect), so that a repeated verb finds its result.
"""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import migrations, mutex, oneoff, releases
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError
from orchestrator.agent.settings import Migrate

_POLL_SECONDS = 0.2
_SPARE_SECONDS = 60.0
"""Beside a migration's own limit: systemd ends it first."""
_TAIL_LINES = 40
_SHOWN = ("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus")
_UNDER_WAY = ("activating", "deactivating")
_PARTLY = "what it did until then stays in the database"


def migrate(call: Call) -> dict[str, Any]:
    """Run it, wait for the one that runs, or say how the one that ran has ended."""
    settings = releases.settings_of(call.app, call.request.release).migrate
    if settings is None:
        raise UsageError("the release has no migration", why="its settings name no command")
    with mutex.held(call.app.migrating_file, settings.timeout_seconds + _SPARE_SECONDS):
        _wait_for_others(call)
        known = migrations.read(call.app).get(call.request.release, {})
        if known.get("state") == migrations.SUCCEEDED:
            return {"ran": False, "seconds": 0.0}
        if known.get("state") == migrations.FAILED:
            raise _failed(str(known.get("why", "")))
        if known.get("state") != migrations.BEGUN:
            _begin(call, settings)
        return _end(call, settings)


def migrated(call: Call) -> dict[str, Any]:
    """Remember here that another host runs the release's migration: that host may be gone when it matters."""
    if call.request.release not in migrations.read(call.app):
        migrations.write(call, migrations.NOTED, irreversible=call.request.flag("irreversible"))
    return {}


def _begin(call: Call, settings: Migrate) -> None:
    """On record first: what may have begun is never begun again."""
    name, release = call.app.migrate_unit(call.request.release), call.request.release
    variables = call.layout.run / f"{name}.env"
    properties = oneoff.properties(call, release, variables)
    path = f"/srv/{call.app.name}/releases/{release}"
    script = f"PATH={path}/app/node_modules/.bin:$PATH; {settings.command}"
    properties += ["Type=exec", "RemainAfterExit=yes", f"RuntimeMaxSec={settings.timeout_seconds}"]
    migrations.write(call, migrations.BEGUN, irreversible=settings.irreversible)
    call.record("migrate", old=None, new=release, result="begun", irreversible=settings.irreversible)
    call.systemd.forget_failures([f"{name}.service"])
    command = ["systemd-run", f"--unit={name}", "--quiet", *(f"--property={line}" for line in properties)]
    try:
        call.systemd.run_checked([*command, "--", *oneoff.words(["/bin/sh", "-c", script])])
    finally:
        # It is read before the command begins, and systemd-run waits for that (Type=exec).
        variables.unlink(missing_ok=True)


def _end(call: Call, settings: Migrate) -> dict[str, Any]:
    """Wait for the unit, pass on what it writes, put its result on record.

    Raises: ReleaseFailed: with the tail of its output.
    """
    unit, begin = f"{call.app.migrate_unit(call.request.release)}.service", time.monotonic()
    cursor = ""
    has_ended = False
    while not has_ended:
        time.sleep(_POLL_SECONDS)
        shown = call.systemd.show([unit], _SHOWN)[unit]
        has_ended = shown["SubState"] != "running" and shown["ActiveState"] not in _UNDER_WAY
        lines, cursor = call.systemd.journal_from(unit, cursor, whole=has_ended)
        for line in lines:
            call.answers.progress(line=line)
    seconds = round(time.monotonic() - begin, 1)
    why = _why(call, unit, shown, settings)
    state = migrations.FAILED if why else migrations.SUCCEEDED
    migrations.write(call, state, irreversible=settings.irreversible, why=why, seconds=seconds)
    call.record("migrate", old=None, new=call.request.release, result=state, seconds=seconds)
    call.systemd.stop([unit])
    call.systemd.forget_failures([unit])
    if why:
        raise _failed(why)
    return {"ran": True, "seconds": seconds}


def _why(call: Call, unit: str, shown: dict[str, str], settings: Migrate) -> str:
    """Why it failed; empty where it did not."""
    if (shown["ActiveState"], shown["SubState"]) == ("active", "exited"):
        return ""
    if shown["LoadState"] == "not-found":
        return "it was cut off: its unit is gone, because the host was started again or somebody stopped it"
    how = f"{settings.command} ended with exit status {shown['ExecMainStatus']}"
    if shown["Result"] == "timeout":
        how = f"{settings.command} was ended after {settings.timeout_seconds} s (migrate.timeout_seconds)"
    elif shown["Result"] not in ("exit-code", "success"):
        how = f"{settings.command} was ended by systemd: {shown['Result']}"
    tail = call.systemd.journal(unit, _TAIL_LINES, 0) or "(it wrote nothing)"
    return f"{how}; its last lines:\n{tail}"


def _wait_for_others(call: Call) -> None:
    """Migrations of other releases whose agent was killed: they go on in their units, and two must not run at once."""
    for release, line in migrations.read(call.app).items():
        if line.get("state") == migrations.BEGUN and release != call.request.release:
            other = call._replace(request=call.request.about(release))
            settings = Migrate("the migration", 0, bool(line.get("irreversible")))
            try:
                _end(other, settings)
            except ReleaseFailed:
                continue


def _failed(why: str) -> ReleaseFailed:
    advice = "look at the database and correct the migration, then vpsdeploy release"
    return ReleaseFailed("the migration failed", why=why, state=_PARTLY, next=advice)
