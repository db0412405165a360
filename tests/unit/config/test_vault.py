"""Encrypted values are ansible-vault's, and nothing but the key opens them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import vault
from orchestrator.secret import Secret

KEY, LABEL = Secret("vpsdeploy-key-of-the-test"), "0123456789ab"
NASTY = ("", "x", "a" * 15, "a" * 16, "line\nline\n", "quote\"'`$\\", "ü€😀", "x" * 65536)


@pytest.mark.parametrize("value", NASTY, ids=[f"{len(value)}" for value in NASTY])
def test_a_value_comes_back_exactly(value: str) -> None:
    """Of any length, with anything in it."""
    assert vault.decrypt(vault.encrypt(Secret(value), KEY, LABEL), KEY).reveal() == value


def test_ansible_reads_what_we_write_and_we_read_what_ansible_writes() -> None:
    """The format is Ansible's own: nobody depends on this tool to read a secret."""
    from ansible.parsing.vault import VaultLib, VaultSecret  # late: 0.7 s

    theirs = VaultLib([(LABEL, VaultSecret(KEY.reveal().encode()))])
    assert theirs.decrypt(vault.encrypt(Secret(NASTY[5]), KEY, LABEL)).decode() == NASTY[5]
    written = theirs.encrypt(NASTY[6], vault_id=LABEL).decode()
    assert vault.label(written) == LABEL
    assert vault.decrypt(written, KEY).reveal() == NASTY[6]


def test_the_same_value_twice_looks_different() -> None:
    """Nobody sees in the repository that two secrets are equal."""
    assert vault.encrypt(Secret("x"), KEY, LABEL) != vault.encrypt(Secret("x"), KEY, LABEL)


def test_another_key_opens_nothing() -> None:
    """And says so, without a word about what is in it."""
    with pytest.raises(vault.Damaged):
        vault.decrypt(vault.encrypt(Secret("x"), KEY, LABEL), Secret("another"))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_changed_text_is_noticed(data: st.DataObject) -> None:
    """Whichever digit is another one."""
    lines = vault.encrypt(Secret("hunter2"), KEY, LABEL).split("\n")
    body = "".join(lines[1:])
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.sampled_from([c for c in "0123456789abcdefz" if c != body[at]]))
    with pytest.raises(vault.Damaged):
        vault.decrypt(f"{lines[0]}\n{body[:at]}{other}{body[at + 1 :]}", KEY)


@pytest.mark.parametrize(
    "text", ["", "hunter2", "$ANSIBLE_VAULT;1.1;AES256\n6162", "$ANSIBLE_VAULT;1.2;AES256;me\n61"]
)
def test_what_is_not_encrypted_so_has_no_label(text: str) -> None:
    """Plain text, other versions, other labels."""
    assert vault.label(text) == ""
