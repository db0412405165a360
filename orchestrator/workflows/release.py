"""`vpsdeploy release`: build the project, bring it to every host, make it live; or leave everything as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import shipped
from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config import secrets as stage_secrets
from orchestrator.config.secrets import Opening
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.bundle import Bundle
from orchestrator.model.change import Changed
from orchestrator.model.fleet import Stage
from orchestrator.model.step import Step
from orchestrator.plan import environment, migration, node, preflight, settings, size
from orchestrator.plan import hooks as plan_hooks
from orchestrator.plan.release import Target, idle_colour
from orchestrator.plan.release import steps as plan_steps
from orchestrator.project import archive, env_example
from orchestrator.project.claim import claimed, scratch
from orchestrator.project.revision import release_id
from orchestrator.report.reporter import Reporter
from orchestrator.transport import agent_pyz, listing
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows import build
from orchestrator.workflows.audience import told
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened
from orchestrator.workflows.hooks import Hooks
from orchestrator.workflows.sending import Sending


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        bundle: File that a CI job built; None builds the project.
        wait_drain: Whether to wait, and probe, until the old pool is gone.
        skip_migrate: Whether to release without the migration: somebody has made it by other means.
        wait_seconds: How long to wait for a lock that somebody else holds.
        hooks: Whether the app's hooks run.
    """

    bundle: Path | None = None
    wait_drain: bool = False
    skip_migrate: bool = False
    wait_seconds: float = 0
    hooks: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What --dry-run shows."""

    release: str
    steps: tuple[Step, ...]


def run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Changed:
    """Release.

    Raises: VpsdeployError: and users see what they saw before.
    """
    preflight.check_jobs(config, stage)
    secrets = checked_secrets(config, stage)
    config = config if wish.hooks else config.without_hooks()
    with opened(config, stage, opener) as context, told(context, reporter, "release") as audience:
        facts = context.facts()  # before the build: a host that is not there is known at once
        preflight.check_hosts(facts, agent_pyz.version())
        around = Hooks(config, reporter, reporter.note).around(_told(stage))
        with obtained(config, wish.bundle, reporter, around) as bundle:
            preflight.check_entries(config, _paths(bundle))
            release = release_id(datetime.now(UTC), bundle.manifest.digest)
            for hint in (
                *config.warnings,
                *_unset(config, secrets),
                *preflight.memory_hints(config, facts),
                *size.notes(config, facts),
            ):
                reporter.note(f"hint: {hint}")
            audience.started(release, facts)
            return ChangeOver(
                context, reporter, facts, lambda now: _target(config, now, bundle, release, wish, secrets),
                f"release {release}", Sending(FromBundle(bundle), context, reporter).acts,
                wait_drain=wish.wait_drain, wait_seconds=wish.wait_seconds,
            ).run()  # fmt: skip


def dry_run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Plan:
    """The very steps that `run` would carry out now; hosts are asked, nothing is changed.

    Raises: VpsdeployError: what would stop a release.
    """
    preflight.check_jobs(config, stage)
    secrets = checked_secrets(config, stage)
    config = config if wish.hooks else config.without_hooks()
    with opened(config, stage, opener) as context:
        facts = context.facts()
        preflight.check_hosts(facts, agent_pyz.version())
        with obtained(config, wish.bundle, reporter) as bundle:
            phases = () if wish.bundle else plan_hooks.BUILD
            building = [step for phase in phases for step in plan_hooks.steps(config, phase, _told(stage))]
            preflight.check_entries(config, _paths(bundle))
            release = release_id(datetime.now(UTC), bundle.manifest.digest)
            target = _target(config, facts, bundle, release, wish, secrets)
            return Plan(target.release, (*building, *plan_steps(config, facts, target)))


@contextmanager
def obtained(
    config: AppConfig, file: Path | None, reporter: Reporter, phase: Callable[[str], None] | None = None
) -> Iterator[Bundle]:
    """The bundle: read from a file, or built, with its hooks where `phase` runs them; nobody changes it meanwhile.

    Raises: ProjectError: no such file, of another app, damaged, or the build failed.
    """
    if file is None:
        with claimed(build.work_dir(config)):
            yield build.make(config, reporter, phase)
    else:
        with scratch(config.project_dir / build.OWN_DIRECTORY, "unpacked") as own:
            yield archive.read(file, own / "bundle", config.app)


def checked_secrets(config: AppConfig, stage: Stage) -> Opening:
    """The stage's secrets; they are being decrypted when this returns.

    Raises: ConfigError: their key is not here, one that is required is missing, or a name is set twice.
    """
    found = stage_secrets.opened(stage)
    environment.check(config, found.names, stage.name)
    return found


def _unset(config: AppConfig, secrets: Opening) -> Iterator[str]:
    """What the project's .env.example has and nobody set."""
    file, expected = env_example.names(config.source_dir)
    if unset := environment.unset(config, secrets.names, expected):
        names = ", ".join(unset)
        yield f"{file} names {names}, and nothing sets it: vpsdeploy env set {unset[0]}, or env in {FILE_NAME}"


def _told(stage: Stage) -> dict[str, str]:
    """What a hook of the build knows: the release has no name yet."""
    return {"command": "release", "stage": stage.name}


def _paths(bundle: Bundle) -> Iterator[str]:
    return (file.path for file in listing.read(bundle.listing))


def _target(
    config: AppConfig, facts: FleetFacts, bundle: Bundle, release: str, wish: Wish, secrets: Opening
) -> Target:
    preflight.check_bundle(facts, bundle.manifest)
    schedule = json.loads((shipped.roles() / "nodejs" / "files" / "schedule.json").read_text())
    request = config.node if config.node_is_set else bundle.manifest.node_request
    lts = node.lts_lines(schedule, datetime.now(UTC).date().isoformat())
    version = node.choose(request, lts, facts, bundle.manifest.node_abi)
    wanted = settings.of(config, bundle.manifest.entry, version, secrets.values())
    migrate = wanted.pop("migrate", None)
    if migrate and not wish.skip_migrate:
        migration.check_command(migrate["command"], set(_paths(bundle)))
        wanted["migrate"] = migrate
    return Target(
        release, idle_colour(facts), wanted, asdict(bundle.manifest), size.of_release(config, facts)
    )
