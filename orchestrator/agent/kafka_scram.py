"""SCRAM with SHA-512: what a client says, and how it knows that the server has the password's digest, too.

Source: RFC 5802, section 3; RFC 7677 for the newer digests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

MECHANISM = "SCRAM-SHA-512"
ITERATIONS = 8192
"""Of what we have the server keep. Kafka takes 4096 to 16384 (ScramMechanism.java); the password is a random one."""

_MOST_ITERATIONS = 16384
SALT_BYTES = 32


def salted(password: str, salt: bytes, iterations: int) -> bytes:
    """What stands for the password: whoever has it may log in."""
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)


class Exchange:
    """One login of a user, whose name and password need no escaping.

    Raises: ValueError: the server's words are no SCRAM, or it does not know the password.
    """

    def __init__(self, user: str, password: str) -> None:
        self._password, self._nonce = password, secrets.token_urlsafe(24)
        self._bare, self._proof = f"n={user},r={self._nonce}", b""

    def first(self) -> bytes:
        """The client's first message."""
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The client's answer to the server's first message."""
        told = _fields(challenge)
        nonce, iterations = told["r"], int(told["i"])
        if not nonce.startswith(self._nonce) or not 1 <= iterations <= _MOST_ITERATIONS:
            raise ValueError("the server does not answer to this login")
        key = salted(self._password, base64.b64decode(told["s"]), iterations)
        without = f"c=biws,r={nonce}"
        signed = f"{self._bare},{challenge.decode()},{without}".encode()
        client = _hmac(key, b"Client Key")
        signature = _hmac(hashlib.sha512(client).digest(), signed)
        self._proof = _hmac(_hmac(key, b"Server Key"), signed)
        proof = bytes(one ^ other for one, other in zip(client, signature, strict=True))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, answer: bytes) -> None:
        """Whether the server knows the password, too."""
        if not hmac.compare_digest(base64.b64decode(_fields(answer)["v"]), self._proof):
            raise ValueError("the server does not know the password")


def _fields(message: bytes) -> dict[str, str]:
    """Raises: ValueError: a field that is needed is missing."""
    found = dict(part.split("=", 1) for part in message.decode().split(",") if "=" in part)
    if "e" in found or not found.keys() & {"v", "r"} or ("r" in found and not {"s", "i"} <= found.keys()):
        raise ValueError(f"no SCRAM: {message[:100]!r}")
    return found


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha512).digest()
