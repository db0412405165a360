"""`backup:` of vpsdeploy.yml: what is refused before any host is reached, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import AppConfig, load
from orchestrator.errors import ConfigError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvYm9ib2JvYm9ib2JvYm9ib2JvYm9ib2JvYm9ib2Jv"
"""The form of a host key; nobody's."""


def config(path: Path, backup: str) -> AppConfig:
    """The configuration with this section."""
    (path / "vpsdeploy.yml").write_text(f"app: shop\nbackup: {{{backup}}}\n")
    return load(path)


def test_without_targets_there_are_no_backups() -> None:
    """The default."""
    assert not AppConfig(app="shop").backup.is_on


@pytest.mark.parametrize(
    "target",
    ["disk: /mnt/backups", f'box: {{url: "sftp://u1@host.example:23/shop", host_key: "{KEY}"}}',
     f'box: {{url: "sftp://u1@host.example//srv/shop", host_key: "{KEY}"}}',
     'cloud: "s3://s3.example.com/my-bucket/shop"', 'cloud: "s3://s3.example.com:9000/my-bucket"'],
)  # fmt: skip
def test_targets_that_are_some(tmp_path: Path, target: str) -> None:
    """Directories, SFTP with the key of its host, S3."""
    assert config(tmp_path, f"targets: {{{target}}}").backup.is_on


@pytest.mark.parametrize(
    ("backup", "said"),
    [
        ("targets: {box: 'sfpt://u@h:23/x'}", 'is no target: /a/directory, sftp://USER@HOST:PORT/PATH or'),
        ("targets: {box: 'sfpt://u@h:23/x'}", 'did you mean "sftp"?'),
        ("targets: {box: 'backups'}", "is no target"),
        ("targets: {box: '/a/../b'}", "is no directory"),
        ("targets: {box: 'sftp://u@h:23/x'}", "needs host_key"),
        ("targets: {box: 'sftp://u:pw@h:23/x'}", "holds a password, and this file goes into Git"),
        ("targets: {box: 'sftp://h:23/x'}", "names no user"),
        ("targets: {box: 'sftp://u@h:99999/x'}", "Port out of range"),
        ("targets: {box: 'sftp://u@h:23'}", "names no directory there"),
        ("targets: {c: 's3://h/b'}", "names no bucket"),
        ("targets: {c: 's3://AKIA@h/bucket'}", "holds a key, and this file goes into Git"),
        (f"targets: {{d: {{url: /x, host_key: '{KEY}'}}}}", "host_key is for sftp targets"),
        ("targets: {'My Box': /x}", "a name is a small letter"),
        ("targets: {d: /x}, schedule: '0 0 31 2 *'", "never comes: none of its months has a day 31"),
        ("targets: {d: /x}, keep: {daily: 0, weekly: 0, monthly: 0}", "would remove every backup"),
        ("targets: {d: /x}, keep: {daily: -1}", "a whole number from 0 to 10000"),
        ("targets: {d: /x}, what: []", "nothing would be backed up"),
        ("targets: {d: /x}, exclude: [/etc]", "a pattern below the shared directory"),
        ("targets: {d: /x}, retain: 3", "unknown key"),
        ("point_in_time: true", "point_in_time: needs backup.targets"),
        ("targets: {d: /x}, what: [files], point_in_time: true", "needs databases in backup.what"),
        ("targets: {d: /x}, point_in_time: 5", "it must be a mapping with enabled, every_minutes, keep_days"),
        ("targets: {d: /x}, point_in_time: {enabled: true, every_minutes: 0}", "a whole number from 1 to 60"),
        ("targets: {d: /x}, point_in_time: {enabled: true, keep_days: 36}", "a whole number from 1 to 35"),
        ("targets: {d: /x}, point_in_time: {enabled: true, keep_days: true}", "a whole number from 1 to 35"),
        ("targets: {d: /x}, point_in_time: {days: 3}", "unknown key"),
        ("targets: {d: /x}, ping_url: 'https://hc.example/0123456789abcdef-0123'", "vpsdeploy backup set PING_URL"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, backup: str, said: str) -> None:
    """With its line and key; nothing was touched."""
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, backup)
    assert said in refused.value.why
    assert refused.value.why.startswith("vpsdeploy.yml:2: backup.")
    assert refused.value.state == "nothing was touched"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("users > 3", "is no query: it begins with SELECT or WITH"),
        ("SELECT 'x FROM users", "a quote is not closed"),
        ("SELECT 1 FROM users; DROP TABLE users", "is more than one query"),
        ("SELECT count(* FROM users", "a bracket is not closed"),
        ("WITH x AS (DELETE FROM users RETURNING 1) SELECT 1 FROM x", "does not only read: it holds DELETE"),
        ("SELECT", "asks for nothing"),
    ],
)
def test_an_assertion_that_is_no_query_is_refused(tmp_path: Path, query: str, said: str) -> None:
    """Before anything is touched, not a week later in a drill."""
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, f'targets: {{d: /x}}, drill: {{assertions: [{{query: "{query}", at_least: 1}}]}}')
    assert said in refused.value.why


@pytest.mark.parametrize(
    "query", ["SELECT count(*) FROM users", "SELECT 'it''s; -- (' FROM t;", "TABLE users", "select 1"]
)
def test_a_query_is_a_query(tmp_path: Path, query: str) -> None:
    """What stands in quotes is no SQL."""
    said = f'targets: {{d: /x}}, drill: {{assertions: [{{query: "{query}", at_least: 1}}]}}'
    assert config(tmp_path, said).backup.drill.assertions[0].query == query


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("", "needs one of"),
        (", at_least: 1, equals: 3", "needs one of"),
        (", at_least: x", "it must be a number"),
    ],
)
def test_an_assertion_has_one_expectation(tmp_path: Path, expected: str, said: str) -> None:
    """Or a range."""
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, f"targets: {{d: /x}}, drill: {{assertions: [{{query: select 1{expected}}}]}}")
    assert said in refused.value.why


@pytest.mark.parametrize(
    "said", ["true", "{enabled: true}", "{enabled: true, every_minutes: 1, keep_days: 35}"]
)
def test_a_switch_is_enough_for_moments(tmp_path: Path, said: str) -> None:
    """Where there is PostgreSQL; with it the log is sent every five minutes, and kept for a week."""
    text = (
        f"app: shop\nservices: {{postgresql: {{}}}}\nbackup: {{targets: {{d: /x}}, point_in_time: {said}}}\n"
    )
    (tmp_path / "vpsdeploy.yml").write_text(text)
    found = load(tmp_path).backup.point_in_time
    assert found.enabled
    assert (found.every_minutes, found.keep_days) in ((5, 7), (1, 35))
