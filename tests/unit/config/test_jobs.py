"""`workers:` and `cron:` of vpsdeploy.yml: what is accepted, and every message for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import AppConfig, load
from orchestrator.errors import ConfigError

ALL = """app: shop
workers:
  mailer: {entry: dist/worker.js, concurrency: 1, stop_timeout_seconds: 120, env: {QUEUE: 7}}
  resize: {command: [node, dist/resize.js, --fast], instances: 3, memory: 1G, cpu: 50%}
cron:
  nightly: {schedule: "0 3 * * *", entry: dist/nightly.js, timezone: Europe/Berlin, catch_up: true, host: web-2}
"""


def loaded(directory: Path, text: str) -> AppConfig:
    """The config of a text."""
    (directory / "vpsdeploy.yml").write_text(text, encoding="utf-8")
    return load(directory)


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    """Values of env are texts, as they were written."""
    config = loaded(tmp_path, ALL)
    mailer, resize, nightly = config.workers["mailer"], config.workers["resize"], config.cron["nightly"]
    assert (mailer.entry, mailer.concurrency, mailer.env) == ("dist/worker.js", 1, {"QUEUE": "7"})
    assert (resize.command, resize.instances) == (("node", "dist/resize.js", "--fast"), 3)
    assert (nightly.schedule, nightly.timeout_seconds, nightly.catch_up) == ("0 3 * * *", 3600, True)


def test_a_secret_in_a_job_s_env_is_warned_of(tmp_path: Path) -> None:
    """With its line and its key."""
    config = loaded(tmp_path, "app: shop\nworkers:\n  a:\n    entry: x\n    env: {DB_PASSWORD: x}\n")
    assert config.warnings == (
        "vpsdeploy.yml:5: workers.a.env.DB_PASSWORD looks like a secret, and this file goes into Git: remove it here, "
        "then vpsdeploy env set DB_PASSWORD (encrypted, docs/secrets.md)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers: {a: {}}", "2: workers.a: needs either entry (a file that Node starts) or command"),
        ("workers: {a: {entry: x, command: [y]}}", "2: workers.a: needs either entry"),
        ("workers: {a: {entery: x}}", '2: workers.a.entery: unknown key; did you mean "entry"?'),
        ("workers: {a: 3}", "2: workers.a: 3 is not allowed; it must be a mapping with entry, command"),
        ("workers: [a]", "2: workers: a list is not allowed; it must be a mapping"),
        ("workers: {A: {entry: x}}", "2: workers.A: a name is a small letter"),
        ("workers: {a: {entry: /x}}", '2: workers.a.entry: "/x" is not allowed; it must be a path inside'),
        (
            "workers: {a: {command: []}}",
            "2: workers.a.command: a list is not allowed; it must be a list of words",
        ),
        ('workers: {a: {command: ["a\\nb"]}}', "it must be text on one line"),
        (
            "workers: {a: {entry: x, concurrency: 2}}",
            "2: workers.a.concurrency: 2 is not allowed; it must be 1",
        ),
        ("workers: {a: {entry: x, concurrency: true}}", "concurrency: true is not allowed; it must be 1"),
        (
            "workers: {a: {entry: x, concurrency: 1, instances: 2}}",
            "concurrency is 1, so instances cannot be 2",
        ),
        (
            "workers: {a: {entry: x, instances: 21}}",
            "instances: 21 is not allowed; it must be a whole number from 1",
        ),
        ("workers: {a: {entry: x, env: {PORT: 1}}}", "2: workers.a.env.PORT: cannot be set"),
        ("cron: {a: {entry: x}}", "2: cron.a.schedule: is missing; it must be text, such as"),
        ('cron: {a: {entry: x, schedule: "0 0 30 2 *"}}', "2: cron.a.schedule: never comes"),
        ("cron: {a: {entry: x, schedule: 5}}", "2: cron.a.schedule: 5 is not allowed"),
        ('cron: {a: {entry: x, schedule: "@daily", timezone: Berlin}}', "2: cron.a.timezone: "),
        ('cron: {a: {entry: x, schedule: "@daily", timeout_seconds: 0}}', "from 1 to 86400"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    """Before any connection."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"app: shop\n{text}\n")
    assert message in caught.value.why
