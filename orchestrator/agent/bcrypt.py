"""bcrypt digests of passwords, by the system's own library: Python has none of its own."""

from __future__ import annotations

import ctypes
import hmac
import secrets

_PREFIX, _COST = b"$2b$", 4
"""The least cost: our passwords have 256 random bits, and a server computes it for every connection."""

_SALT_BYTES = 16
_SIZE = 60


def digest(password: str) -> str:
    """A new one, with a salt of its own. Source: crypt(3) of libxcrypt, which every Debian has for its logins."""
    library = _library()
    salt = library.crypt_gensalt(_PREFIX, _COST, secrets.token_bytes(_SALT_BYTES), _SALT_BYTES)
    return _checked(library.crypt(password.encode(), salt))


def fits(kept: str, password: str) -> bool:
    """Whether this is the password of a digest."""
    if len(kept) != _SIZE or not kept.startswith("$2"):
        return False
    made = _library().crypt(password.encode(), kept.encode()) or b""
    return hmac.compare_digest(made, kept.encode())


def _checked(made: bytes | None) -> str:
    text = (made or b"").decode()
    if len(text) != _SIZE:
        raise OSError("libcrypt makes no bcrypt digests")
    return text


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = library.crypt_gensalt.restype = ctypes.c_char_p
    library.crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.crypt_gensalt.argtypes = [ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int]
    return library
