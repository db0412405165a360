"""One value, encrypted as `ansible-vault` does: without this tool it is read with Ansible's.

Written here and not imported: Ansible's own module takes 0.7 s to import, which every release would pay.

Source: ansible-core, ansible/parsing/vault/__init__.py, VaultAES256 (format 1.2: AES-256 in counter mode, its key and
that of an HMAC-SHA256 derived from the password by PBKDF2).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import re

from orchestrator.secret import Secret

_FORMAT = "$ANSIBLE_VAULT;1.2;AES256;"
_HEADER = re.compile(r"\$ANSIBLE_VAULT;1\.2;AES256;([0-9a-f]{12})")
_LINE = 80
_SALT_BYTES = 32
_ROUNDS = 10_000
_BLOCK_BYTES = 16


class Damaged(Exception):
    """The text is no value that this key has encrypted, or was changed since."""


def encrypt(value: Secret, key: Secret, label: str) -> str:
    """The text of an encrypted value.

    Args:
        value: Of any length.
        key: The password.
        label: Says in the first line which key it was, as Ansible's vault id.
    """
    salt = os.urandom(_SALT_BYTES)
    cipher_key, mac_key, counter = _derived(key, salt)
    content = _counted(cipher_key, counter, _padded(value.reveal().encode()))
    mac = hmac.new(mac_key, content, hashlib.sha256).hexdigest().encode()
    body = b"\n".join((salt.hex().encode(), mac, content.hex().encode())).hex()
    return "\n".join([_FORMAT + label, *(body[n : n + _LINE] for n in range(0, len(body), _LINE))])


def label(text: str) -> str:
    """Which key a value was encrypted with; empty where it is no encrypted value."""
    found = _HEADER.fullmatch(text.partition("\n")[0].rstrip())
    return found[1] if found else ""


def decrypt(text: str, key: Secret) -> Secret:
    """The value.

    Raises: Damaged: another key, or the text was changed.
    """
    try:
        body = bytes.fromhex("".join(text.split("\n")[1:]))
        salt, mac, content = (binascii.unhexlify(part) for part in body.split(b"\n"))
    except ValueError:
        raise Damaged from None
    if body != body.lower():  # the same bytes in capitals are not what anybody wrote
        raise Damaged
    cipher_key, mac_key, counter = _derived(key, salt)
    if not hmac.compare_digest(mac, hmac.new(mac_key, content, hashlib.sha256).digest()):
        raise Damaged
    try:
        return Secret(_unpadded(_counted(cipher_key, counter, content)).decode())
    except UnicodeDecodeError:
        raise Damaged from None


def _derived(key: Secret, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """The keys of the cipher and of the MAC, and the first counter."""
    made = hashlib.pbkdf2_hmac("sha256", key.reveal().encode(), salt, _ROUNDS, 32 + 32 + _BLOCK_BYTES)
    return made[:32], made[32:64], made[64:]


def _counted(key: bytes, counter: bytes, content: bytes) -> bytes:
    """Encrypt or decrypt: in counter mode both are the same."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # late: 50 ms

    worker = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return worker.update(content) + worker.finalize()


def _padded(content: bytes) -> bytes:
    """To whole blocks. Source: RFC 5652, 6.3."""
    count = _BLOCK_BYTES - len(content) % _BLOCK_BYTES
    return content + bytes([count]) * count


def _unpadded(content: bytes) -> bytes:
    count = content[-1] if content else 0
    if not 1 <= count <= _BLOCK_BYTES or content[-count:] != bytes([count]) * count:
        raise Damaged
    return content[:-count]
