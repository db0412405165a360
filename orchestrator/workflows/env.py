"""`vpsdeploy env`: the secrets of a stage, in the repository. No host is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.config import FILE_NAME, AppConfig, dotenv, secret_key, secrets, secrets_file
from orchestrator.config.fields import env_key, secret_value
from orchestrator.config.problems import nearest
from orchestrator.config.secrets_file import SecretsFile
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model.env import Edited, Kept, Listed, Seen
from orchestrator.model.fleet import Stage
from orchestrator.plan import environment
from orchestrator.secret import Secret
from orchestrator.transport import editor, local

MOST_BYTES = 1 << 20
"""All values of a stage together: Linux hands 2 MiB of arguments and environment to a process at most."""

Again = Callable[[str], bool]
"""Shows what is wrong with an edited text, and asks whether to go on editing."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What a command wants: new values by name, names to remove, and what it did not take."""

    new: Mapping[str, Secret]
    gone: Collection[str] = ()
    refused: tuple[tuple[str, str], ...] = ()


def listed(config: AppConfig, stage: Stage) -> Listed:
    """Every variable by its name, with what may be said of a value where the key is here.

    Raises: ConfigError: the file is wrong.
    """
    file = secrets_file.read(stage.secrets)
    problem, values = "", dict[str, Secret]()
    try:
        keys = secrets.keys_of(file, stage.name)
        values = secrets.Opening(file, keys).values()
    except ConfigError as error:
        keys, problem = {}, error.what
    seen = tuple(
        Seen(
            one.name, one.by, one.at, len(values[one.name].reveal().encode()),
            secrets.digest(one.name, values[one.name], keys[file.key]),
        ) if one.name in values else Seen(one.name, one.by, one.at)
        for one in file.kept.values()
    )  # fmt: skip
    return Listed(
        stage.name, file.key, problem, seen, tuple(config.env), environment.missing(config, file.kept)
    )


def check_names(config: AppConfig, names: Collection[str]) -> None:
    """Names that can be secrets; asked before anybody types a value.

    Raises: UsageError: one is no env name, is ours, or stands in vpsdeploy.yml.
    """
    for name in names:
        if "=" in name:
            bare = name.partition("=")[0]
            raise UsageError(
                "a value does not belong on the command line",
                why="other processes can read it there, and your shell keeps it in its history: "
                f"take what you typed for {bare} for known",
                state="nothing was changed", next=f"vpsdeploy env set {bare}: it asks for it, or reads standard input",
            )  # fmt: skip
        if why := _unfit(config, name):
            raise UsageError(f"{name[:100]!r} cannot be a secret", why=why, state="nothing was changed")


def reveal(stage: Stage, name: str) -> Secret:
    """One value.

    Raises: UsageError: no such secret. ConfigError: its key is not here.
    """
    file = secrets_file.read(stage.secrets)
    _check_known(file, stage, [name])
    only = replace(file, kept={name: file.kept[name]})
    return secrets.Opening(only, secrets.keys_of(only, stage.name)).values()[name]


def put(config: AppConfig, stage: Stage, values: Mapping[str, Secret]) -> Edited:
    """Set secrets.

    Raises: UsageError: a name or a value that cannot be one; nothing was changed.
    """
    check_names(config, values)
    for name, value in values.items():
        if why := _wrong_value(name, value):
            raise UsageError(f"the value of {name} cannot be taken", why=why, state="nothing was changed")
    return _change(stage, lambda _file, _old: _Change(values))


def unset(stage: Stage, names: Collection[str]) -> Edited:
    """Remove secrets. Needs no key: what is removed need not be read.

    Raises: UsageError: no such secret; nothing was changed.
    """
    with secrets_file.held(stage.secrets):
        file = secrets_file.read(stage.secrets)
        _check_known(file, stage, names)
        kept = {name: one for name, one in file.kept.items() if name not in names}
        secrets_file.write(replace(file, kept=kept))
    return Edited(stage.name, file.shown, {}, unset=tuple(names), key=file.key)


def take_in(config: AppConfig, stage: Stage, text: str) -> Edited:
    """Set what a .env file says, and say what of it was refused.

    Raises: UsageError: nothing in it can be taken; nothing was changed.
    """
    found = dotenv.parse(text)
    refused = [(f"line {n}", "is no variable, no comment and not empty") for n in found.passed_over]
    taken = dict[str, Secret]()
    for name, value in found.values.items():
        if why := _unfit(config, name) or _wrong_value(name, Secret(value)):
            refused.append((name, why))
        else:
            taken[name] = Secret(value)
    if not taken:
        why = "\n".join(f"{name} {why}" for name, why in refused) or "it holds no variable"
        raise UsageError("nothing was imported", why=why, state="nothing was changed")
    return _change(stage, lambda _file, _old: _Change(taken, refused=tuple(refused)))


def edit(config: AppConfig, stage: Stage, again: Again) -> Edited:
    """Let a person edit all secrets as one .env file, in memory.

    Raises: UsageError: the editor failed, or what was written cannot be taken; nothing was changed.
    """

    def by_hand(_file: SecretsFile, old: Mapping[str, Secret]) -> _Change:
        shown, without = dotenv.render({name: value.reveal() for name, value in sorted(old.items())})
        with editor.opened(_introduction(stage, without) + shown) as document:
            while True:
                found = dotenv.parse(document.edit())
                problems = _problems(config, found)
                if not problems:
                    break
                if not again("\n".join(problems)):
                    raise UsageError(
                        "the edited text cannot be taken",
                        why="\n".join(problems),
                        state="nothing was changed",
                    )
        new = {name: Secret(value) for name, value in found.values.items()}
        return _Change(new, [name for name in old if name not in new and name not in without])

    return _change(stage, by_hand)


def add_key(stage: Stage, text: str) -> Edited:
    """Keep a key that a colleague gave us, if it is the right one.

    Raises: ConfigError: it is no key, or another stage's.
    """
    file, key = secrets_file.read(stage.secrets), secret_key.checked(text)
    name = secret_key.name_of(key)
    needed = secrets.names_of_keys(file)
    if needed and name not in needed:
        raise ConfigError(
            f"this is not the key of the secrets of {stage.name}",
            why=f"it is the key {name}; {file.shown} needs {', '.join(sorted(needed))}", state="nothing was changed",
            next="ask for the key with that name: there is one for each stage, and another after each rotation",
        )  # fmt: skip
    return Edited(stage.name, file.shown, {}, key=name, key_file=str(secret_key.store(key)))


def rotate_key(stage: Stage) -> Edited:
    """Make a new key and encrypt every value with it, the backups' keys too. The old key stays: older commits need it.

    Raises: UsageError: there are no secrets yet. ConfigError: the old key is not here.
    """
    with secrets_file.held(stage.secrets):
        file, backups = secrets_file.read(stage.secrets), secrets_file.read(stage.backup_secrets)
        if not (file.key or backups.key):
            raise UsageError(
                f"{stage.name} has no secrets yet", why=f"there is no {file.shown}", state="nothing was changed",
                next="vpsdeploy env set NAME: it makes the first key",
            )  # fmt: skip
        values = secrets.Opening(file, secrets.keys_of(file, stage.name)).values()
        others = secrets.Opening(backups, secrets.keys_of(backups, stage.name)).values()
        key = secret_key.generate()
        place = secret_key.store(key)
        if backups.key:
            secrets_file.write(_sealed_anew(backups, others, key))
        if file.key:
            secrets_file.write(_sealed_anew(file, values, key))
    sizes = {name: len(value.reveal().encode()) for name, value in values.items()}
    return Edited(stage.name, file.shown, sizes, key=secret_key.name_of(key), key_file=str(place))


def _sealed_anew(file: SecretsFile, values: Mapping[str, Secret], key: Secret) -> SecretsFile:
    kept = {
        one.name: secrets.sealed(one.name, values[one.name], key, one.by, one.at) for one in file.kept.values()
    }  # fmt: skip
    return SecretsFile(file.path, secret_key.name_of(key), kept)


def _change(stage: Stage, decide: Callable[[SecretsFile, Mapping[str, Secret]], _Change]) -> Edited:
    """Read, decide, write; a value that stays keeps its lines, so that Git shows what changed and nothing else."""
    with secrets_file.held(stage.secrets):
        file = secrets_file.read(stage.secrets)
        keys = secrets.keys_of(file, stage.name)
        old = secrets.Opening(file, keys).values()
        change = decide(file, old)
        new = {name: value for name, value in change.new.items() if old.get(name) != value}
        gone = tuple(name for name in change.gone if name in old)
        _check_size({**{n: v for n, v in old.items() if n not in gone}, **new})
        key_file = ""
        if not file.key and new:
            key, key_file = secrets.stage_key(stage)
            file = replace(file, key=secret_key.name_of(key))
            keys = {file.key: key}
        if new or gone:
            by, at = local.this_process().by, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            made = {name: secrets.sealed(name, value, keys[file.key], by, at) for name, value in new.items()}
            kept: dict[str, Kept] = {**{n: one for n, one in file.kept.items() if n not in gone}, **made}
            secrets_file.write(replace(file, kept=kept))
    same = tuple(name for name in change.new if name not in new)
    sizes = {name: len(value.reveal().encode()) for name, value in new.items()}
    return Edited(stage.name, file.shown, sizes, same, gone, change.refused, file.key, key_file)


def _unfit(config: AppConfig, name: str) -> str:
    """Why a name cannot be a secret's; empty where it can."""
    try:
        env_key(name)
    except ValueError as error:
        return str(error)
    found = environment.twofold(config, [name])
    return f"is set in {found[0][1]} of {FILE_NAME}: remove it there first" if found else ""


def _wrong_value(name: str, value: Secret) -> str:
    try:
        secret_value(name, value.reveal())
    except ValueError as error:
        return str(error)
    return ""


def _problems(config: AppConfig, found: dotenv.Dotenv) -> list[str]:
    names = [
        (name, _unfit(config, name) or _wrong_value(name, Secret(value)))
        for name, value in found.values.items()
    ]
    lines = [f"line {n} is no variable, no comment and not empty" for n in found.passed_over]
    return [*lines, *(f"{name} {why}" for name, why in names if why)]


def _check_known(file: SecretsFile, stage: Stage, names: Collection[str]) -> None:
    for name in names:
        if name not in file.kept:
            raise UsageError(
                f"{stage.name} has no secret {name[:100]}{nearest(name, file.kept)}",
                why=f"{file.shown} has {', '.join(file.kept) or 'none'}", state="nothing was changed",
                next="vpsdeploy env list",
            )  # fmt: skip


def _check_size(values: Mapping[str, Secret]) -> None:
    total = sum(len(name) + len(value.reveal().encode()) for name, value in values.items())
    if total > MOST_BYTES:
        raise UsageError(
            "that is too much for one environment",
            why=f"the secrets would be {total} bytes; a process can be given {MOST_BYTES} beside its arguments",
            state="nothing was changed", next="keep large texts in files that the app reads",
        )  # fmt: skip


def _introduction(stage: Stage, without: Collection[str]) -> str:
    lines = [
        f"The secrets of {stage.name}, as a .env file: NAME='value'. A line that is removed unsets its name.",
        "This text is in memory only; it is gone when the editor ends.",
        *(
            f"{name} is not shown, as no .env file can hold it; it stays: vpsdeploy env set {name}"
            for name in without
        ),
    ]
    return "".join(f"# {line}\n" for line in lines) + "\n"
