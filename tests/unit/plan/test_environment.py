"""The environment of a release: each name in one place, and none missing."""

from __future__ import annotations

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError
from orchestrator.plan import environment
from orchestrator.secret import Secret

CONFIG = AppConfig.model_validate({
    "app": "shop", "env": {"LOG_LEVEL": "info"}, "env_required": ("DATABASE_URL", "LOG_LEVEL"),
    "workers": {"mailer": {"entry": "dist/mailer.js", "env": {"QUEUE": "x"}}},
})  # fmt: skip


def test_what_is_required_may_be_in_either_place() -> None:
    """A secret, or plain in vpsdeploy.yml."""
    environment.check(CONFIG, ["DATABASE_URL"], "production")


def test_what_is_missing_is_said_with_what_to_type() -> None:
    """With the nearest name that there is."""
    with pytest.raises(ConfigError) as caught:
        environment.check(CONFIG, ["DATABASE_UR"], "production")
    assert caught.value.what == "production lacks DATABASE_URL"
    assert 'did you mean "DATABASE_UR"?' in caught.value.why
    assert caught.value.next == "vpsdeploy env set DATABASE_URL --stage production"


@pytest.mark.parametrize(("name", "at"), [("LOG_LEVEL", "env"), ("QUEUE", "workers.mailer.env")])
def test_a_name_in_both_places_is_refused(name: str, at: str) -> None:
    """Nobody has to know which one wins."""
    with pytest.raises(ConfigError) as caught:
        environment.check(CONFIG, ["DATABASE_URL", name], "production")
    assert caught.value.what == f"{name} is set twice"
    assert f"has it in {at}" in caught.value.why


def test_the_example_s_names_that_nobody_set() -> None:
    """Without those that vpsdeploy sets, and those that are refused anyway."""
    expected = ("PORT", "NODE_ENV", "LOG_LEVEL", "QUEUE", "DATABASE_URL", "SENTRY_DSN")
    assert environment.unset(CONFIG, [], expected) == ("SENTRY_DSN",)


def test_settings_hold_secrets_that_do_not_show_themselves() -> None:
    """And say which they are; without any they are what they were before there were secrets."""
    made = environment.of(CONFIG, {"B": Secret("hunter2"), "A": Secret("x")})
    assert made["secrets"] == ["A", "B"]
    assert "hunter2" not in repr(made)
    assert environment.of(CONFIG, {}) == {"env": {"LOG_LEVEL": "info"}}
