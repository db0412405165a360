"""`vpsdeploy backup`: what hosts do by themselves at night, asked for now; and the way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError, VpsdeployError
from orchestrator.facts import backup as facts
from orchestrator.model.backup import Listed, Ran
from orchestrator.model.fleet import Host, Stage
from orchestrator.plan import moment, services
from orchestrator.report.reporter import Reporter
from orchestrator.secret import Secret
from orchestrator.workflows import backup_keys
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each

Json = dict[str, Any]


def now(
    config: AppConfig, stage: Stage, host: str, reporter: Reporter, opener: Opener = open_over_ssh
) -> Ran:  # fmt: skip
    """Back up every host, or one, to every target; the keys go along.

    Raises: ConfigError, UsageError: nothing was touched. BackupFailed, LockHeld: of the first host, naming the others.
    """
    hosts = chosen(config, stage, host)
    keys = backup_keys.ready(config, stage)
    for text in services.unprotected(config):
        reporter.note(text)

    def one(context: Context, name: str) -> Json:
        context.call(name, "backup-keys", {"keys": keys})
        return context.call(name, "backup", {})

    return _everywhere(config, stage, hosts, one, reporter, opener, "back up")


def drill(
    config: AppConfig, stage: Stage, host: str, target: str, reporter: Reporter, opener: Opener = open_over_ssh
) -> Ran:  # fmt: skip
    """Have every host restore its newest backup beside the real data, and say what came of it."""
    return _asked(
        config, stage, host, ("drill", {"target": target}), reporter, opener, "restore beside the real data"
    )


def verify(
    config: AppConfig, stage: Stage, host: str, target: str, part: str, reporter: Reporter,
    opener: Opener = open_over_ssh,
) -> Ran:  # fmt: skip
    """Read repositories, all or a part of their data."""
    return _asked(
        config,
        stage,
        host,
        ("backup-verify", {"target": target, "part": part}),
        reporter,
        opener,
        "read the repositories",
    )


def prune(
    config: AppConfig, stage: Stage, host: str, target: str, reporter: Reporter, opener: Opener = open_over_ssh
) -> Ran:  # fmt: skip
    """Let go of what retention does not keep, now."""
    return _asked(config, stage, host, ("backup-prune", {"target": target}), reporter, opener, "prune")


def _asked(
    config: AppConfig, stage: Stage, host: str, asked: tuple[str, Json], reporter: Reporter, opener: Opener, title: str
) -> Ran:  # fmt: skip
    """One verb, with its request, on every host or on one; its target is looked at before any is reached."""
    hosts = chosen(config, stage, host)
    verb, request = asked
    check_target(config, str(request["target"]))
    return _everywhere(
        config, stage, hosts, lambda context, name: context.call(name, verb, request), reporter, opener, title
    )


def look(
    config: AppConfig, stage: Stage, host: str, opener: Opener = open_over_ssh
) -> tuple[Ran, tuple[Listed, ...]]:
    """Every host's backups; a host that is down keeps nobody from seeing the others.

    Raises: VpsdeployError: none answers.
    """
    hosts = chosen(config, stage, host)
    with opened(config, stage, opener) as context:
        outcome = each([one.name for one in hosts], lambda name: context.call(name, "backup-list", {}))
    if not outcome.answers:
        outcome.or_raise()
    silent = {name: f"{error.what}: {error.why}" for name, error in outcome.errors.items()}
    answers = {one.name: outcome.answers[one.name] for one in hosts if one.name in outcome.answers}
    found = tuple(one for name, answer in answers.items() for one in facts.listed(name, answer))
    return _ran(stage, answers, silent), found


def show(
    config: AppConfig, stage: Stage, host: str, request: Json, opener: Opener = open_over_ssh
) -> tuple[str, Json]:  # fmt: skip
    """What one backup of one host holds. Returns: the host, and its answer."""
    one = the_one(config, stage, host)
    check_target(config, request.get("target", ""))
    with opened(config, stage, opener) as context:
        return one.name, context.call(one.name, "backup-show", request)


def restore(
    config: AppConfig, stage: Stage, host: str, request: Json, reporter: Reporter, opener: Opener = open_over_ssh
) -> tuple[str, Json]:  # fmt: skip
    """Data back on one host, as the request says (agent/backup/restore.py). Returns: the host, and its answer.

    Raises: UsageError: in use, or not in the backup; nothing was touched. BackupFailed: its state says what is true.
    """
    request = dict(request)
    if to_time := request.pop("to_time", ""):
        request["moment"] = _moment(config, request, to_time)
        host = host or next(one.host for one in services.placed(config, stage) if one.kind == "postgresql")
    one = the_one(config, stage, host)
    check_target(config, request.get("target", ""))
    keys = backup_keys.ready(config, stage)
    with opened(config, stage, opener) as context:
        reporter.started(f"restore on {one.name}")
        context.call(one.name, "backup-keys", {"keys": keys})
        return one.name, context.call(one.name, "restore", request)


def _moment(config: AppConfig, request: Json, to_time: str) -> float | str:
    """The moment that is meant, where one can be.

    Raises: UsageError: nothing was touched.
    """
    found = moment.parse(to_time, datetime.now(UTC))
    if not config.backup.point_in_time.enabled:
        raise UsageError(
            f"{config.app} has no point-in-time recovery", why="vpsdeploy.yml does not say backup.point_in_time: true",
            state="nothing was touched", next="a backup's own moment can be restored: vpsdeploy backup list",
        )  # fmt: skip
    other = next((name for name in ("snapshot", "path", "to") if request.get(name)), "")
    if other:
        words = {"snapshot": "a backup's id", "path": "--path", "to": "--to"}
        raise UsageError(
            f"--to-time and {words[other]} do not go together",
            why="the moment says which data of PostgreSQL are meant", state="nothing was touched",
        )  # fmt: skip
    if not (request.get("database") or request.get("table")):
        raise UsageError(
            "what is to be restored to that moment?", why="neither --database nor --table is given",
            state="nothing was touched", next="--to-time is for PostgreSQL's data: name its database, or one table",
        )  # fmt: skip
    return found


def equip(
    config: AppConfig,
    stage: Stage,
    hosts: tuple[str, ...],
    keys: dict[str, Secret],
    opener: Opener = open_over_ssh,
) -> dict[str, str]:
    """Hand the keys to hosts that were provisioned. Returns: why one does not have them, by host."""
    with opened(config, stage, opener) as context:
        outcome = each(hosts, lambda name: context.call(name, "backup-keys", {"keys": keys}))
    return {name: f"{error.what}: {error.why}" for name, error in outcome.errors.items()}


def chosen(config: AppConfig, stage: Stage, host: str) -> tuple[Host, ...]:
    """The hosts that are meant.

    Raises: UsageError: there are no backups, or no such host.
    """
    if not config.backup.is_on:
        raise UsageError(
            f"{config.app} has no backups", why="vpsdeploy.yml has no backup.targets", state="nothing was touched",
            next="docs/backups.md",
        )  # fmt: skip
    found = tuple(one for one in stage.hosts if host in ("", one.name))
    if not found:
        raise UsageError(
            f"there is no host {host[:60]}", why=f"{stage.name} has {', '.join(one.name for one in stage.hosts)}",
            state="nothing was touched",
        )  # fmt: skip
    return found


def the_one(config: AppConfig, stage: Stage, host: str) -> Host:
    """The only host that is meant.

    Raises: UsageError: there are several, and none was named.
    """
    found = chosen(config, stage, host)
    if len(found) > 1:
        raise UsageError(
            "which host?", why=f"{stage.name} has {', '.join(one.name for one in found)}", state="nothing was touched",
            next="name it with --host",
        )  # fmt: skip
    return found[0]


def check_target(config: AppConfig, target: str) -> None:
    """See that there is a target of this name, or that none is named.

    Raises: UsageError: nothing was touched.
    """
    if target and target not in config.backup.targets:
        raise UsageError(
            f"there is no target {target[:60]}", why=f"vpsdeploy.yml has {', '.join(config.backup.targets)}",
            state="nothing was touched",
        )  # fmt: skip


def _everywhere(
    config: AppConfig, stage: Stage, hosts: tuple[Host, ...], act: Callable[[Context, str], Json], reporter: Reporter,
    opener: Opener, title: str,
) -> Ran:  # fmt: skip
    """The same on every host at once; where one fails, the error says what is true of the others."""
    names = [one.name for one in hosts]
    with opened(config, stage, opener) as context:
        reporter.started(f"{title} on {', '.join(names)}")
        outcome = each(names, lambda name: act(context, name))
        try:
            answers = outcome.or_raise()
        except VpsdeployError as error:
            if outcome.answers:
                error.state = "; ".join(
                    filter(None, (error.state, f"done on {', '.join(sorted(outcome.answers))}"))
                )
            raise
    return _ran(stage, {name: answers[name] for name in names})


def _ran(stage: Stage, answers: dict[str, Json], silent: dict[str, str] | None = None) -> Ran:
    parsed = {name: facts.parse(answer["backup"]) for name, answer in answers.items()}
    return Ran(stage.name, {name: one for name, one in parsed.items() if one}, answers, silent or {})
