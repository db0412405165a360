"""The secrets of a stage, opened with its key.

The key is found, or its absence said, before anything is touched; values are decrypted beside what the command does
meanwhile: each costs some milliseconds (the format's key derivation).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from orchestrator.config import secret_key, secrets_file, vault
from orchestrator.config.secrets_file import SecretsFile
from orchestrator.errors import ConfigError
from orchestrator.model.env import Kept
from orchestrator.model.fleet import Stage
from orchestrator.secret import Secret

_THREADS = 4
"""Key derivation runs without Python's lock; more than this helps no machine that people deploy from (our choice)."""


class Opening:
    """Secrets whose key is here, on their way to be values.

    Args:
        file: As read.
        keys: By name, one for each that the file names.
    """

    def __init__(self, file: SecretsFile, keys: Mapping[str, Secret]) -> None:
        self._file, self._values = file, dict[str, Future[Secret]]()
        if file.kept:
            pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="secrets")
            for one in file.kept.values():
                self._values[one.name] = pool.submit(vault.decrypt, one.sealed, keys[vault.label(one.sealed)])
            pool.shutdown(wait=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Which there are."""
        return tuple(self._values)

    def values(self) -> dict[str, Secret]:
        """All of them.

        Raises: ConfigError: one was changed by something else than `vpsdeploy env`.
        """
        return {name: self._value(name, value) for name, value in self._values.items()}

    def _value(self, name: str, value: Future[Secret]) -> Secret:
        try:
            return value.result()
        except vault.Damaged:
            raise ConfigError(
                f"the secret {name} cannot be decrypted",
                why=f"{self._file.shown} was changed by something else than vpsdeploy env (a merge, an editor)",
                state="nothing was touched",
                next=f"git log -p {self._file.shown}, or set it again: vpsdeploy env set {name}",
            ) from None


def opened(stage: Stage) -> Opening:
    """The secrets of a stage; none where it has no file.

    Raises: ConfigError: the file is wrong, or its key is not here.
    """
    file = secrets_file.read(stage.secrets)
    return Opening(file, keys_of(file, stage.name))


def keys_of(file: SecretsFile, stage: str) -> dict[str, Secret]:
    """Every key that a file needs, by name.

    Raises: ConfigError: one is not here.
    """
    return {name: secret_key.find(name, file.shown, stage=stage) for name in sorted(names_of_keys(file))}


def names_of_keys(file: SecretsFile) -> set[str]:
    """Which keys a file needs: one, or two where it was merged across a rotation."""
    return {vault.label(one.sealed) for one in file.kept.values()} | ({file.key} if file.key else set())


def stage_key(stage: Stage) -> tuple[Secret, str]:
    """The key that a stage's new values are encrypted with, whichever of its files has one; the first makes it.

    Returns: the key, and the file that it was written to where it is new.
    Raises: ConfigError: it is not here.
    """
    for file in (secrets_file.read(stage.secrets), secrets_file.read(stage.backup_secrets)):
        if file.key:
            return secret_key.find(file.key, file.shown, stage=stage.name), ""
    key = secret_key.generate()
    return key, str(secret_key.store(key))


def sealed(name: str, value: Secret, key: Secret, by: str, at: str) -> Kept:
    """A value as the repository keeps it."""
    return Kept(name, by, at, vault.encrypt(value, key, secret_key.name_of(key)))


def digest(name: str, value: Secret, key: Secret) -> str:
    """Tells whether two people, or two days, have the same value. Without the key nobody can try values out."""
    message = f"digest\0{name}\0{value.reveal()}".encode()
    return hmac.new(key.reveal().encode(), message, hashlib.sha256).hexdigest()[:12]
