"""The key of a stage's secrets: made once, kept outside the project, never in Git.

It is looked for in this order: VPSDEPLOY_SECRETS_KEY (for CI; several are allowed, a space between them), what
VPSDEPLOY_SECRETS_KEY_COMMAND prints (a password manager), the key's own file. A key knows by its name, the beginning
of a digest, whether it is the right one.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import subprocess
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.secret import KEY_COMMAND_VARIABLE, KEY_VARIABLE, Secret

_PREFIX = "vpsdeploy-key-"
"""So that scanners, and people, see what leaked."""

_KEY = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")
_KEY_BYTES = 32
_COMMAND_SECONDS = 120
"""A password manager may ask a person for a password first (our choice)."""


def generate() -> Secret:
    """A new key: 256 random bits."""
    return Secret(_PREFIX + secrets.token_urlsafe(_KEY_BYTES))


def name_of(key: Secret) -> str:
    """What a key is called in files and messages. It tells nothing about a random key of 256 bits."""
    return hashlib.sha256(b"name\0" + key.reveal().encode()).hexdigest()[:12]


def checked(text: str) -> Secret:
    """What a person gave us as a key.

    Raises: ConfigError: it is none.
    """
    if not _KEY.fullmatch(text.strip()):
        raise ConfigError(
            "this is no key of vpsdeploy's", why=f"a key is {_PREFIX} and 43 further characters",
            state="nothing was changed", next="copy it whole from whoever gave it to you",
        )  # fmt: skip
    return Secret(text.strip())


def file_of(name: str) -> Path:
    """Where the key with this name is kept on this machine."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "vpsdeploy" / "keys" / f"{name}.key"


def store(key: Secret) -> Path:
    """Keep a key on this machine, for its owner only. Returns: the file."""
    path = file_of(name_of(key))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key.reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return path


def find(name: str, where: str, *, stage: str) -> Secret:
    """The key with a name.

    Args:
        name: As the file of secrets says it.
        where: That file, for the message.
        stage: Told to the command.

    Raises: ConfigError: it is nowhere; says where it was looked for and what was there.
    """
    seen = []
    for look in (_in_environment, lambda: _from_command(stage, name), lambda: _in_file(file_of(name))):
        place, found = look()
        for key in found:
            if name_of(key) == name:
                return key
        seen.append(f"{place}: {_said(found)}")
    raise ConfigError(
        f"the key of the secrets of {stage} is not here", why="\n".join([f"{where} needs the key {name}", *seen]),
        state="nothing was touched",
        next=f"ask somebody who has it ({file_of(name)} on their machine), then vpsdeploy env add-key",
    )  # fmt: skip


def _in_environment() -> tuple[str, list[Secret]]:
    words = os.environ.get(KEY_VARIABLE, "").split()
    return KEY_VARIABLE, [checked(word) for word in words]


def _from_command(stage: str, name: str) -> tuple[str, list[Secret]]:
    """Its standard error and its terminal are ours: it may ask for a password."""
    command = os.environ.get(KEY_COMMAND_VARIABLE, "")
    if not command:
        return KEY_COMMAND_VARIABLE, []
    told = {**os.environ, "VPSDEPLOY_STAGE": stage, "VPSDEPLOY_SECRETS_KEY_NAME": name}
    try:
        done = subprocess.run(
            ["sh", "-c", command], env=told, stdout=subprocess.PIPE, text=True, check=False, timeout=_COMMAND_SECONDS
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _refused_command(f"it did not end within {_COMMAND_SECONDS} s") from None
    if done.returncode != 0:
        raise _refused_command(f"it ended with exit code {done.returncode}")
    return KEY_COMMAND_VARIABLE, [checked(word) for word in done.stdout.split()]


def _refused_command(why: str) -> ConfigError:
    return ConfigError(
        f"the command of {KEY_COMMAND_VARIABLE} gave no key", why=why, state="nothing was touched",
        next="run it by hand and see what it says",
    )  # fmt: skip


def _in_file(path: Path) -> tuple[str, list[Secret]]:
    try:
        status, text = path.stat(), path.read_text()
    except FileNotFoundError:
        return str(path), []
    except OSError as error:
        raise ConfigError(
            "the key of the secrets cannot be read", why=f"{path}: {error.strerror}", state="nothing was touched",
            next=f"look at {path}",
        ) from error  # fmt: skip
    if status.st_mode & 0o077:
        raise ConfigError(
            "others can read the key of the secrets", why=f"{path} has mode {status.st_mode & 0o777:04o}",
            state="nothing was touched", next=f"chmod 600 {path}",
        )  # fmt: skip
    return str(path), [checked(text)]


def _said(found: list[Secret]) -> str:
    names = ", ".join(map(name_of, found))
    return f"has {names}" if names else "not there"
