"""What must be true before an empty host takes a lost one's name. Nothing is touched by asking."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from orchestrator.config import AppConfig
from orchestrator.config.backup import BackupTarget
from orchestrator.errors import BackupFailed, HostUnreachable, UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.plan import backup as plan
from orchestrator.secret import Secret
from orchestrator.transport import ansible_private, s3, sftp, ssh, ssh_check, ssh_options
from orchestrator.workflows import backup_keys
from orchestrator.workflows.parallel import each

_ENDS = "vpsdeploy-looked "
"""Begins the lines of our answer: a login may greet us."""

_DATA = (
    "/var/lib/postgresql/*/*/PG_VERSION",
    "/var/lib/mysql/ibdata1",
    "/var/lib/redis/dump.rdb",
    "/var/lib/redis/appendonlydir",
    "/var/lib/rabbitmq/mnesia",
    "/var/lib/nats/jetstream",
    "/var/lib/kafka/data/*",
    "/var/lib/mongodb/*",
    "/var/lib/docker/*",
)
"""Somebody's data, on a host that was never ours (our choice)."""


_OF_AN_APP = (("/srv/", ""), ("/etc/vpsdeploy/apps/", ".json"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the host says that is to become the lost one.

    Attributes:
        used: What is on it that an empty host does not have.
        is_ours: Whether it was provisioned already.
        begun: What a rebuild that was interrupted has left; empty where there was none.
        snapshots: At targets that are directories of this host, by target.
    """

    used: tuple[str, ...]
    is_ours: bool
    begun: dict[str, object]
    snapshots: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of one target from here: its snapshots, or why nobody can tell."""

    name: str
    snapshots: tuple[str, ...]
    problem: str = ""


def answers(stage: Stage, host: Host, user: str | None = None) -> bool:
    """Whether a host is there: it proves itself with its host key, whoever may log in."""
    try:
        ssh.connect(host, stage, user).close()
    except HostUnreachable as error:
        return error.what in ("the login was refused", "the SSH key needs its passphrase")
    return True


def refuse_without_others(stage: Stage, lost: str) -> None:
    """See that the rest of the fleet answers: it is provisioned too, and may have the release that comes back.

    Raises: HostUnreachable: the first one that does not.
    """
    others = {one.name: one for one in stage.hosts if one.name != lost}
    there = each(others, lambda name: answers(stage, others[name], ssh.DEPLOY_USER)).or_raise()
    if silent := ", ".join(sorted(name for name in others if not there[name])):
        raise HostUnreachable(
            f"{silent} cannot be reached either", why="all hosts of the stage take part in a rebuild",
            state="nothing was touched",
            next=f"if it is lost, too: take {silent} out of {stage.path}, rebuild {lost}, then put it in again and "
            "rebuild that one",
        )  # fmt: skip


def ask(config: AppConfig, stage: Stage, host: Host) -> Seen:
    """The new host.

    Raises: HostUnreachable, HostNotReady: it cannot be logged in to.
    """
    with ansible_private.run_dir() as directory:
        ssh_config = ssh_options.write(directory, stage)
        try:
            reached = ssh_check.ask(ssh_config, stage, host, lambda one: question(config, stage, one))
        finally:
            ssh_check.close_all(ssh_config, (host,))
    if error := reached.error:
        # The way on is this command again: provisioning would go to the lost host's address.
        error.next = error.next.replace(
            f"vpsdeploy provision host {host.name} ",
            f"vpsdeploy host rebuild {host.address} --host {host.name} ",
        )
        raise error
    return parse(reached.said)


def question(config: AppConfig, stage: Stage, host: Host) -> str:
    """A shell command that never fails and changes nothing."""
    app = config.app
    used = f"/srv/{app}/releases/2* /etc/vpsdeploy/apps/*.json /srv/*"
    script = [
        f"say() {{ printf '{_ENDS}%s\\n' \"$*\"; }}",
        f"cat /var/lib/vpsdeploy/{app}/backup/rebuild.json 2>/dev/null | sed 's/^/{_ENDS}begun /'",
        "test -e /etc/vpsdeploy/host.json && say ours",
        f'for path in {used} {" ".join(_DATA)}; do test -e "$path" && say there "$path"; done',
    ]
    for name, target in config.backup.targets.items():
        if target.url.startswith("/"):
            place = f"{plan.place(target)['base']}/{app}/{stage.name}/{host.name}/snapshots"
            script.append(
                f'for one in {shlex.quote(place)}/*; do test -e "$one" && say at {name} "${{one##*/}}"; done'
            )
    sudo = "" if host.user == "root" else "sudo -n "
    return f"{sudo}sh -c {shlex.quote('; '.join(script) + '; true')}"


def parse(said: str) -> Seen:
    """The answer."""
    lines = [line.removeprefix(_ENDS).split(" ", 1) for line in said.splitlines() if line.startswith(_ENDS)]
    told = [(words[0], words[1] if len(words) > 1 else "") for words in lines]
    begun: dict[str, object] = next((json.loads(rest) for word, rest in told if word == "begun"), {})
    snapshots: dict[str, tuple[str, ...]] = {}
    for name, one in (rest.split(" ", 1) for word, rest in told if word == "at"):
        snapshots[name] = (*snapshots.get(name, ()), one)
    there = tuple(dict.fromkeys(rest for word, rest in told if word == "there"))
    return Seen(there, ("ours", "") in told, begun, snapshots)


def refuse_used(config: AppConfig, host: Host, seen: Seen, *, shared: bool) -> None:
    """See that the host is empty, or is being rebuilt.

    Args:
        config: The app.
        host: The new host.
        seen: What it says.
        shared: Whether other projects of ours may be on it: the inventory says that the host is there.
    Raises: UsageError: it is somebody's.
    """
    if seen.begun and not seen.begun.get("ended"):
        return
    left = _left_by_provisioning(config, seen, shared=shared)
    found = [path for path in seen.used if path not in left and not _holds_backups(config, path)]
    if seen.begun:
        found = [f"it was rebuilt already, {seen.begun['ended']}"]
    if found:
        raise UsageError(
            f"{host.address} is not empty", host=host.name, why=", ".join(found[:8]), state="nothing was touched",
            next="a rebuild takes a bare Debian host; vpsdeploy backup restore brings data back to one that serves",
        )  # fmt: skip


def _left_by_provisioning(config: AppConfig, seen: Seen, *, shared: bool) -> set[str]:
    """What an earlier try has made, and on a host that the inventory names what other projects of ours have."""
    if not seen.is_ours:
        return set()
    known = {path for path in seen.used if path.startswith("/etc/vpsdeploy/apps/")}
    apps = {PurePosixPath(path).stem for path in known} if shared else set()
    ours = {f"{place}{app}{end}" for app in {config.app, *apps} for place, end in _OF_AN_APP}
    return ours | {path for path in seen.used if path.startswith("/var/lib/")}


def _holds_backups(config: AppConfig, path: str) -> bool:
    """Whether a target is below it: its disk was attached to the new host."""
    places = (plan.place(one)["base"] for one in config.backup.targets.values() if one.url.startswith("/"))
    return any(PurePosixPath(place).is_relative_to(path) for place in places)


def looked_at(
    config: AppConfig, stage: Stage, host: str, keys: Mapping[str, Secret], seen: Seen, only: str
) -> tuple[Target, ...]:
    """Every target, or the one that is meant, as far as it can be seen before anything is installed."""
    targets = {name: one for name, one in config.backup.targets.items() if only in ("", name)}
    return tuple(_look(config, stage, host, keys, seen, name, one) for name, one in targets.items())


def _look(
    config: AppConfig, stage: Stage, host: str, keys: Mapping[str, Secret], seen: Seen, name: str, target: BackupTarget
) -> Target:  # fmt: skip
    below = f"{config.app}/{stage.name}/{host}/snapshots"
    if target.url.startswith("/"):
        return Target(name, seen.snapshots.get(name, ()))
    look: Callable[[], tuple[str, ...]]
    parts = urlsplit(target.url)
    path = parts.path.removeprefix("/").rstrip("/")
    if parts.scheme == "s3":
        bucket, _, rest = path.partition("/")
        names = backup_keys.s3_names(name)
        key = (keys[names[0]].reveal(), keys[names[1]])
        prefix = f"{rest}/{below}/" if rest else f"{below}/"
        look = partial(s3.names, parts.netloc, bucket, prefix, key)
    else:
        place = plan.place(target)
        server = (str(place["host"]), int(place["port"]), str(place["user"]))
        key_text = keys[backup_keys.SSH_KEY]
        look = partial(sftp.names, server, str(target.host_key), key_text, f"{path}/{below}")
    try:
        return Target(name, look())
    except OSError as error:
        return Target(name, (), str(error) or type(error).__name__)


def refuse_without_backup(
    looked: tuple[Target, ...], host: str, snapshot: str, needs: tuple[str, ...], *, named: bool
) -> str:
    """See that there is something to rebuild the host from.

    Args:
        looked: The targets.
        host: Its name in the repositories.
        snapshot: The one that is asked for; empty for the newest.
        needs: What of the host only a backup has, in words.
        named: Whether the user named the target: then one that cannot be seen from here is left to the host to see.
    Returns: What somebody should know; empty where all is well.
    Raises: BackupFailed: there is none.
    """
    fits = [one for one in looked if any(name.startswith(snapshot[:8]) for name in one.snapshots)]
    if fits:
        return ""
    hidden = [one for one in looked if one.problem]
    if named and hidden:
        return f"{hidden[0].name} cannot be seen from here ({hidden[0].problem}): {host} looks for its backup itself"
    seen = "\n".join(f"{one.name}: {one.problem or _count(one, snapshot)}" for one in looked)
    if needs:
        seen += f"\nof {host} only a backup has: {', '.join(needs)}"
    raise BackupFailed(
        f"there is no backup of {host}" + (f" with the id {snapshot}" if snapshot else ""), why=seen,
        state="nothing was touched",
        next="the name must be the lost host's in the inventory (--host); --from TARGET goes on with a target that "
        "only the new host can reach",
    )  # fmt: skip


def _count(target: Target, snapshot: str) -> str:
    return (
        f"{len(target.snapshots)} backups, none of them {snapshot}"
        if target.snapshots
        else "no backup of this name"
    )
