"""`vpsdeploy host rebuild`: an empty host becomes the lost one: provisioned, its data and its release restored."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from orchestrator.config import AppConfig, inventory_edit
from orchestrator.config.inventory import choose_hosts
from orchestrator.errors import UsageError, VpsdeployError
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.rebuild import Chosen, Part, Rebuilt, Way
from orchestrator.plan import rebuild as plan
from orchestrator.report import provision as provision_report
from orchestrator.report.provision_progress import Progress
from orchestrator.report.reporter import Reporter
from orchestrator.secret import Secret
from orchestrator.workflows import (
    backup,
    backup_keys,
    provision,
    provision_services,
    rebuild_address,
    rebuild_checks,
    rebuild_notes,
    rebuild_release,
)
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened

Ask = Callable[[str], bool]
"""Whether to go on; shown is what would happen."""

_SOURCE = re.compile(r"([a-z][a-z0-9-]{0,30})?(?::([0-9a-f]{8,64}))?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        address: Of the empty host; empty: the one that the inventory has.
        host: The lost host's inventory name; empty where there is only one.
        source: TARGET, TARGET:BACKUP or :BACKUP; empty: the newest of the first target that has one.
        private_address: What the other hosts reach it by, where the inventory names such an address.
        accept_host_key: Fingerprint of the new host's key.
        accept_new: Learn its key unseen.
    """

    address: str
    host: str = ""
    source: str = ""
    private_address: str = ""
    accept_host_key: str = ""
    accept_new: bool = False


class _Data(NamedTuple):
    """What came back, and what lay in its place; in words."""

    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """One rebuild, from the checks to the good answer.

    `needs`: what of the host only its backups have; empty: it comes back without one, too.
    """

    config: AppConfig
    stage: Stage
    lost: Host
    wish: Wish
    reporter: Reporter
    opener: Opener
    target: str
    snapshot: str
    needs: tuple[str, ...]
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.lost.name

    @property
    def is_optional(self) -> bool:
        """Whether it comes back without a backup where there is none."""
        return not self.needs and not self.wish.source

    @property
    def is_moving(self) -> bool:
        """Whether the inventory has to change."""
        return (self.host.address, self.host.private_address) != (
            self.lost.address,
            self.lost.private_address,
        )

    @property
    def host(self) -> Host:
        """The new one."""
        own = self.lost.private_address not in ("", self.lost.address)
        private = (self.wish.private_address or self.lost.private_address) if own else self.wish.address
        return replace(self.lost, address=self.wish.address, private_address=private)

    @property
    def new_stage(self) -> Stage:
        """With the new host in the lost one's place."""
        return replace(
            self.stage, hosts=tuple(self.host if one.name == self.name else one for one in self.stage.hosts)
        )

    @contextmanager
    def part(self, title: str) -> Iterator[list[str]]:
        """One part, told when it begins and when it has ended; what is put into the list is its note."""
        self.reporter.started(title)
        began, said = time.monotonic(), list[str]()
        yield said
        seconds = time.monotonic() - began
        self.reporter.finished(title, seconds, "; ".join(said))
        self.parts.append(Part(title, round(seconds, 1), "; ".join(said)))


def run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter,
    watch: Callable[[tuple[str, ...]], Progress], ask: Ask, opener: Opener = open_over_ssh,
) -> Rebuilt:  # fmt: skip
    """Rebuild a host. An interrupted one can be run again: what was done stays done.

    Args:
        config: The app.
        stage: With the lost host in it.
        wish: What is asked for.
        reporter: Progress.
        watch: As for `provision.run`.
        ask: Asked where a host that still answers would be replaced.
        opener: How the agents are reached.

    Raises:
        UsageError, ConfigError, HostUnreachable, HostNotReady, BackupFailed: at first: nothing was touched.
        Others as for provisioning, restoring and releasing; their state says what is true.
    """
    began = time.monotonic()
    this = _begun(config, stage, wish, reporter, opener)
    keys, text = _check(this, ask)
    try:
        if text:
            provision_services.moved(config, stage, this.new_stage, this.name, reporter)
            inventory_edit.write(stage.path, text)
            reporter.note(rebuild_address.told(stage, this.lost, this.host))
        return _restore(this, keys, _provision(this, watch), began)
    except VpsdeployError as error:
        error.next = error.next or "run the same command again: it goes on where it stopped"
        raise


def _begun(config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener) -> _Run:
    """What is meant.

    Raises: UsageError: nothing was touched.
    """
    if not wish.host and len(stage.hosts) > 1:
        raise UsageError(
            "which host was lost?", why=f"{stage.name} has {', '.join(one.name for one in stage.hosts)}",
            state="nothing was touched", next="name it with --host",
        )  # fmt: skip
    lost = choose_hosts(stage, [wish.host])[0] if wish.host else stage.hosts[0]
    needs = plan.only_in_backups(config, stage, lost)
    if needs or wish.source:
        backup.chosen(config, stage, "")
    match = _SOURCE.fullmatch(wish.source)
    if match is None:
        raise UsageError(
            f"{wish.source[:60]!r} is no backup", why="it is TARGET, TARGET:BACKUP or :BACKUP, such as box:1f3a9c2e",
            state="nothing was touched", next="vpsdeploy backup list shows the ids of a host that answers",
        )  # fmt: skip
    backup.check_target(config, match[1] or "")
    wish = replace(wish, address=wish.address or lost.address)
    return _Run(config, stage, lost, wish, reporter, opener, match[1] or "", match[2] or "", needs)


def _check(this: _Run, ask: Ask) -> tuple[dict[str, Secret], str]:
    """What can be known before anything is touched. Returns: the hosts' keys, and the inventory's new text."""
    kept = backup_keys.kept(this.config, this.stage) if this.config.backup.is_on else {}
    rebuild_address.check(this.stage, this.lost, this.host, this.wish.private_address)
    text = rebuild_address.inventory(this.stage, this.lost, this.host)
    with this.part("look at both hosts and the backups") as said:
        alive = this.wish.address != this.lost.address and rebuild_checks.answers(this.stage, this.lost)
        rebuild_checks.refuse_without_others(this.stage, this.name)
        rebuild_address.accept(
            this.host, this.new_stage, this.wish.accept_host_key, this.reporter, unseen=this.wish.accept_new
        )
        seen = rebuild_checks.ask(this.config, this.new_stage, this.host)
        rebuild_checks.refuse_used(this.config, this.host, seen, shared=not this.is_moving)
        looked = rebuild_checks.looked_at(this.config, this.stage, this.name, kept, seen, this.target)
        if not this.is_optional and (
            hint := rebuild_checks.refuse_without_backup(
                looked, this.name, this.snapshot, this.needs, named=bool(this.target)
            )
        ):
            this.reporter.note(hint)
        said.append(
            ", ".join(f"{one.name}: {len(one.snapshots)} backups" for one in looked if not one.problem)
        )
    if alive and not ask(
        f"{this.name} still answers at {this.lost.address}. In the inventory {this.wish.address} would take its place, "
        "and what users write to it from now on would be in no backup. Go on?"
    ):
        raise UsageError(
            f"{this.name} is not lost", why=f"it answers at {this.lost.address}", state="nothing was touched",
            next="vpsdeploy backup restore brings data back to it; to replace it all the same: stop it, or --yes",
        )  # fmt: skip
    return backup_keys.ready(this.config, this.stage) if kept else {}, text


def _provision(
    this: _Run, watch: Callable[[tuple[str, ...]], Progress]
) -> tuple[tuple[str, ...], ...]:  # fmt: skip
    """The new host; and the others, which know it by its address, its keys and its certificates.

    Returns: What each noticed.
    """
    stage = this.new_stage
    with this.part(f"provision {', '.join(one.name for one in stage.hosts)}"):
        done = provision.run(
            this.config, stage, stage.hosts, provision.Wish(), this.reporter, watch, this.opener
        )
        if failure := provision_report.failure(done):
            raise failure
    return tuple(one.notices for one in done.hosts)


def _restore(
    this: _Run, keys: dict[str, Secret], notices: tuple[tuple[str, ...], ...], began: float
) -> Rebuilt:  # fmt: skip
    config, stage, name = this.config, this.new_stage, this.name
    with opened(config, stage, this.opener) as context:
        chosen = _choose(this, context, keys)
        told, certificate = _data(this, context) if chosen else (_Data(), ())
    this.notes += rebuild_notes.provisioned(notices, is_restored=chosen is not None)
    with this.part("restore the release") as said:
        back = rebuild_release.bring_back(
            config, stage, this.host, this.reporter, this.opener, is_in_backup=chosen is not None
        )
        said.append(f"{back.release or 'none'}, from {back.way}")
    url = ""
    if back.way is not Way.NONE:
        with this.part("ask as users do") as said:
            url = rebuild_release.answered(config, stage, this.opener)
            said.append(url)
    with opened(config, stage, this.opener) as context:
        context.call(name, "rebuild", {"part": "end"})
    return Rebuilt(
        stage.name, name, this.host.address, this.lost.address, chosen, back.way, back.release, url,
        round(time.monotonic() - began, 1), tuple(this.parts), told.restored, told.kept, certificate,
        (*this.notes, *back.notes, *rebuild_notes.about(config, stage, this.host)),
    )  # fmt: skip


def _choose(this: _Run, context: Context, keys: dict[str, Secret]) -> Chosen | None:
    """The backup; None where there is none, and the host can do without."""
    with this.part("choose the backup") as said:
        if keys:
            context.call(this.name, "backup-keys", {"keys": keys})
        asked = {"target": this.target, "snapshot": this.snapshot, "optional": this.is_optional}
        raw = context.call(this.name, "rebuild", {"part": "look", **asked})
        chosen = _chosen(raw) if raw["target"] else None
        said.append(
            f"{chosen.target}:{chosen.snapshot}, data of {chosen.time}" if chosen else "none is needed"
        )
    if chosen is None:
        this.notes.append(rebuild_notes.without_backup(this.lost, str(raw["why"])))
    return chosen


def _data(this: _Run, context: Context) -> tuple[_Data, tuple[str, ...]]:
    """What the backup has. Returns: the data, and the names of the certificate."""
    with this.part("restore the data") as said:
        told = context.call(this.name, "rebuild", {"part": "data"})
        said += told["restored"] or ["done before"]
    with this.part("restore the certificate") as said:
        certificate = context.call(this.name, "rebuild", {"part": "certificate"})
        said.append(str(certificate["certificate"]))
    return _Data(tuple(told["restored"]), tuple(told["kept"])), tuple(certificate["names"])


def _chosen(raw: dict[str, object]) -> Chosen:
    release = raw.get("release")
    live = release if isinstance(release, dict) else {}
    return Chosen(
        str(raw["target"]), str(raw["snapshot"]), str(raw["backup_time"]), int(str(raw["age_seconds"])),
        str(live.get("id") or ""), str(live.get("revision") or ""),
    )  # fmt: skip
