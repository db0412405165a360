"""A key pair for SSH, made in memory."""

from __future__ import annotations

from orchestrator.secret import Secret


def private() -> Secret:
    """A new Ed25519 key in OpenSSH's format."""
    from cryptography.hazmat.primitives import serialization  # late: 50 ms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    made = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return Secret(made.decode())


def public(key: Secret, comment: str) -> str:
    """The public half, as a line of authorized_keys; empty where the key cannot be read."""
    from cryptography.hazmat.primitives import serialization

    try:
        loaded = serialization.load_ssh_private_key(key.reveal().encode(), password=None)
    except (ValueError, TypeError):
        return ""
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return f"{loaded.public_key().public_bytes(encoding, form).decode()} {comment}"
