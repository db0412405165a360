"""hooks and notify of vpsdeploy.yml: what is allowed, and that a secret never gets in, or out."""

from __future__ import annotations

import pytest

from orchestrator.config import document
from orchestrator.config.app import AppConfig
from orchestrator.config.loader import check


def load(text: str) -> AppConfig:
    """A configuration that is right."""
    config, problems = check(document.parse("app: shop\n" + text))
    assert not problems, problems
    assert config is not None
    return config


def refused(text: str) -> str:
    """What is said about one that is not."""
    _, problems = check(document.parse("app: shop\n" + text))
    return "\n".join(problem.render("vpsdeploy.yml") for problem in problems)


def test_a_hook_is_a_command_or_a_mapping() -> None:
    """A text alone runs on the controller for at most a minute."""
    config = load(
        "hooks:\n  after_gate:\n    - npm run smoke\n    - {run: node x.js, where: app, timeout_seconds: 5}\n"
    )
    short, full = config.hooks.after_gate
    assert (short.run, short.where, short.timeout_seconds) == ("npm run smoke", "controller", 60)
    assert (full.where, full.timeout_seconds) == ("app", 5)
    assert config.without_hooks().hooks.after_gate == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hooks: {after_gat: [x]}", 'hooks.after_gat: unknown key; did you mean "after_gate"?'),
        ("hooks: {after_gate: [{run: x, when: now}]}", "hooks.after_gate[0].when: unknown key"),
        (
            "hooks: {after_gate: [{where: app}]}",
            "hooks.after_gate[0].run: is missing; it must be text on one line",
        ),
        ("hooks: {after_gate: x}", 'hooks.after_gate: "x" is not allowed; it must be a list of commands'),
        ("hooks: {after_gate: [{run: x, where: moon}]}", "it must be controller (this machine) or app"),
        ("hooks: {after_gate: [{run: x, timeout_seconds: 0}]}", "a number from 1 to 3600"),
        ("hooks: {before_build: [{run: x, where: app}]}", "runs on the controller only"),
        ("hooks: {after_flip: [{run: x, timeout_seconds: 601}]}", "at most 600 are allowed"),
        ("notify: [{type: slack}]", "notify[0]: slack needs url_env"),
        ("notify: [{type: telegram, token_env: T}]", "telegram needs token_env and chat_id"),
        ("notify: [{type: webhook}]", "webhook needs one of url and url_env"),
        ("notify: [{type: mail}]", "it must be webhook, slack or telegram"),
        ("notify: [{type: webhook, url: 'ftp://x'}]", "must be a URL that starts with https://"),
        ("notify: [{type: webhook, url_env: U, on: []}]", "a list of start, success, failure, return"),
        ("notify: [{type: webhook, url_env: U, on: [end]}]", "start, success, failure, return"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(text: str, said: str) -> None:
    """With the place in the list."""
    assert said in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "notify: [{type: webhook, url: 'https://ann:hunter2secret@ci.example.com/'}]",
        "notify: [{type: webhook, url: 'https://ci.example.com/?token=hunter2secret'}]",
        "notify: [{type: webhook, url: 'https://ci.example.com/hooks/hunter2secretXXXXXXXXXX'}]",
        "notify: [{type: slack, url_env: 'https://hooks.example.com/hunter2secret'}]",
        "notify: [{type: telegram, token: '123:hunter2secret', token_env: T, chat_id: 1}]",
        "notify: [{type: telegram, token_env: '123:hunter2secret', chat_id: 1}]",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_shown(text: str) -> None:
    """Whoever sees the error, in a CI log, does not see the secret."""
    said = refused(text)
    assert said
    assert "hunter2" not in said


def test_a_secret_url_is_told_where_to_go() -> None:
    """The hint names the key to use."""
    said = refused("notify: [{type: webhook, url: 'https://ci.example.com/?key=x'}]")
    assert "put the URL into an environment variable" in said
    assert "url_env" in said


def test_receivers_as_people_write_them() -> None:
    """A chat's number without quotes; a webhook without a secret."""
    config = load(
        "notify:\n  - {type: telegram, token_env: BOT, chat_id: -100123}\n"
        "  - {type: webhook, url: 'http://10.0.0.5:8080/hooks/shop', on: [failure]}\n"
    )
    telegram, webhook = config.notify
    assert (telegram.chat_id, telegram.on) == (
        "-100123",
        ("start", "success", "failure", "return", "trouble"),
    )
    assert webhook.on == ("failure",)
