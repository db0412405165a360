"""The keys of a stage's backups: in the repository, encrypted with the stage's key, apart from what the app is given.

So its owner can open a backup when the host is gone, and the app on a host never sees what opens it.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.config import AppConfig, secret_key, secrets, secrets_file
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model.backup import Key, Keys
from orchestrator.model.fleet import Stage
from orchestrator.plan import backup as plan
from orchestrator.secret import Secret
from orchestrator.transport import local, ssh_keypair

PASSWORD, SSH_KEY, PING_URL = "RESTIC_PASSWORD", "SSH_KEY", "PING_URL"  # names, no values
_PASSWORD_BYTES = 32


def wanted(config: AppConfig) -> tuple[str, ...]:
    """The names that may be set, in order."""
    s3 = [name for one in _of_kind(config, "s3:") for name in s3_names(one)]
    return (PASSWORD, *([SSH_KEY] if _of_kind(config, "sftp:") else []), *s3, PING_URL)


def s3_names(target: str) -> tuple[str, str]:
    """What the two parts of an S3 target's key are called."""
    prefix = target.upper().replace("-", "_")
    return f"{prefix}_ACCESS_KEY_ID", f"{prefix}_SECRET_ACCESS_KEY"


def listed(config: AppConfig, stage: Stage) -> Keys:
    """Names, sizes and digests, never a value; the public half of the SSH key.

    Raises: ConfigError: the file is wrong, or its key is not here.
    """
    file = secrets_file.read(stage.backup_secrets)
    keys = secrets.keys_of(file, stage.name)
    values = secrets.Opening(file, keys).values()
    seen = tuple(
        Key(name, len(value.reveal().encode()), secrets.digest(name, value, keys[file.key]), file.kept[name].by,
            file.kept[name].at)
        for name, value in values.items()
    )  # fmt: skip
    public = ssh_keypair.public(values[SSH_KEY], f"{config.app}-backup") if SSH_KEY in values else ""
    missing = tuple(name for name in wanted(config) if name not in values and name != PING_URL)
    return Keys(stage.name, file.shown, seen, missing, public)


def reveal(stage: Stage, name: str) -> Secret:
    """One value.

    Raises: UsageError: no such key. ConfigError: what opens it is not here.
    """
    file = secrets_file.read(stage.backup_secrets)
    if name not in file.kept:
        raise UsageError(
            f"the backups of {stage.name} have no key {name[:60]}", why=f"they have {', '.join(file.kept) or 'none'}",
            state="nothing was changed", next="vpsdeploy backup keys",
        )  # fmt: skip
    return secrets.Opening(file, secrets.keys_of(file, stage.name)).values()[name]


def put(config: AppConfig, stage: Stage, name: str, value: Secret) -> Keys:
    """Set one. The password is never replaced: repositories that exist are opened with the one they were made with.

    Raises: UsageError: no such key is needed, or it may not change; nothing was changed.
    """
    check_name(config, stage, name)
    text = value.reveal().strip("\n") + ("\n" if name == SSH_KEY else "")
    if not text.strip():
        raise UsageError(f"the value of {name} is empty", state="nothing was changed")
    _keep(stage, {name: Secret(text)})
    return listed(config, stage)


def check_name(config: AppConfig, stage: Stage, name: str) -> None:
    """Asked before anybody types a value.

    Raises: UsageError: no such key is needed, or it may not change.
    """
    if name not in wanted(config):
        raise UsageError(
            f"no target needs a key {name[:60]!r}", why=f"needed are {', '.join(wanted(config))}",
            state="nothing was changed",
        )  # fmt: skip
    if name == PASSWORD and name in secrets_file.read(stage.backup_secrets).kept:
        raise UsageError(
            "the password of the repositories is not changed here",
            why="those that exist were made with the one that is kept",
            state="nothing was changed",
        )  # fmt: skip


def ready(config: AppConfig, stage: Stage) -> dict[str, Secret]:
    """What every host is handed, by the names of its files; what can be made up is made and kept first.

    Raises: ConfigError: an S3 target's key was never set, or the stage's key is not here; nothing was touched.
    """
    file = secrets_file.read(stage.backup_secrets)
    lacking = [name for name in wanted(config) if name not in file.kept and name != PING_URL]
    unset = [name for name in lacking if name not in (PASSWORD, SSH_KEY)]
    if unset:
        raise ConfigError(
            "a target of the backups has no key", why=f"{', '.join(unset)} was never set for {stage.name}",
            state="nothing was touched", next=f"vpsdeploy backup set {unset[0]}",
        )  # fmt: skip
    if lacking:
        made = {PASSWORD: _password, SSH_KEY: ssh_keypair.private}
        _keep(stage, {name: made[name]() for name in lacking})
        file = secrets_file.read(stage.backup_secrets)
    return _for_hosts(config, secrets.Opening(file, secrets.keys_of(file, stage.name)).values())


def kept(config: AppConfig, stage: Stage) -> Mapping[str, Secret]:
    """What opens the backups that there are: nothing is made up.

    Raises: ConfigError: one is missing, or the stage's key is not here; nothing was touched.
    """
    file = secrets_file.read(stage.backup_secrets)
    lacking = [name for name in wanted(config) if name not in file.kept and name != PING_URL]
    if lacking:
        raise ConfigError(
            "the keys of the backups are not here", why=f"{file.shown} has no {', '.join(lacking)}",
            state="nothing was touched",
            next="get the file out of your Git repository; what was kept elsewhere: vpsdeploy backup set NAME",
        )  # fmt: skip
    return secrets.Opening(file, secrets.keys_of(file, stage.name)).values()


def _password() -> Secret:
    return Secret(random.token_urlsafe(_PASSWORD_BYTES))


def _for_hosts(config: AppConfig, values: Mapping[str, Secret]) -> dict[str, Secret]:
    files = {"password": values[PASSWORD]}
    sftp = _of_kind(config, "sftp:")
    if sftp:
        lines = "".join(plan.known_host(config.backup.targets[name]) for name in sftp)
        files |= {"ssh_key": values[SSH_KEY], "known_hosts": Secret(lines)}
    for name in _of_kind(config, "s3:"):
        identifier, key = (values[one].reveal() for one in s3_names(name))
        text = f"[default]\naws_access_key_id = {identifier}\naws_secret_access_key = {key}\n"
        files[f"{name}.s3"] = Secret(text)
    url = values[PING_URL].reveal() if PING_URL in values else config.backup.ping_url
    return files | ({"ping_url": Secret(url)} if url else {})


def _of_kind(config: AppConfig, scheme: str) -> list[str]:
    return [name for name, target in config.backup.targets.items() if target.url.startswith(scheme)]


def _keep(stage: Stage, new: Mapping[str, Secret]) -> None:
    """Encrypt with the key that the stage's secrets have; the first of both files makes one."""
    with secrets_file.held(stage.backup_secrets):
        file, (key, _) = secrets_file.read(stage.backup_secrets), secrets.stage_key(stage)
        by, at = local.this_process().by, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = {one: secrets.sealed(one, value, key, by, at) for one, value in new.items()}
        kept = {**file.kept, **made}
        secrets_file.write(replace(file, key=secret_key.name_of(key), kept=kept))
