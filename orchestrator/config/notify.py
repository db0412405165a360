"""`notify:` of vpsdeploy.yml: who is told about releases. Secrets are named here, never written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.config.fields import Allowed, looks_secret
from orchestrator.config.section import Section

Kind = Literal["webhook", "slack", "telegram"]
Moment = Literal["start", "success", "failure", "return", "trouble"]

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z0-9_]{5,32}")
_RANDOM_LENGTH = 20
"""From this length on, a part of a path that mixes letters and digits is taken for a secret (our choice)."""


def _env_name(value: str) -> str:
    # The value is never shown: whoever mistakes the key writes the secret itself here.
    if not _ENV_NAME.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable, such as SHOP_WEBHOOK_URL, not its value"
        )
    return value


def _url(value: str) -> str:
    # Not shown either.
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("must be a URL that starts with https:// or http://")
    if is_secret(value):
        raise ValueError(
            "looks like a secret, and this file goes into Git: put the URL into an environment variable of the "
            "machine that releases, and name that variable in url_env instead"
        )
    return value


def is_secret(url: str) -> bool:
    """A password, a token as a parameter, or a long random part of the path: whoever has such a URL can use it."""
    parts = urlsplit(url)
    named = any(
        looks_secret(name) or name.lower() in ("key", "sig", "auth") for name, _ in parse_qsl(parts.query)
    )
    return bool(parts.username or parts.password or named or any(map(_is_random, parts.path.split("/"))))


def _is_random(part: str) -> bool:
    return len(part) >= _RANDOM_LENGTH and bool(re.search(r"\d", part) and re.search(r"[A-Za-z]", part))


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _chat(value: str) -> str:
    if not _CHAT.fullmatch(value):
        raise ValueError
    return value


EnvName = Annotated[str, AfterValidator(_env_name), Allowed("the name of an environment variable")]
Url = Annotated[str, AfterValidator(_url), Allowed("a URL without a secret in it")]
Chat = Annotated[
    str,
    AfterValidator(_chat),
    BeforeValidator(_as_text),
    Allowed('a number, or a channel such as "@shop_releases"'),
]
Moments = Annotated[
    tuple[Moment, ...], Field(min_length=1), Allowed("a list of start, success, failure, return, trouble")
]


class Notify(Section):
    """One receiver."""

    type: Annotated[Kind, Allowed("webhook, slack or telegram")] = Field(description="Form of the message")
    url: Url | None = Field(
        default=None, description="Of a webhook without a secret; of Telegram an own Bot API server"
    )
    url_env: EnvName | None = Field(default=None, description="Environment variable that holds the URL")
    token_env: EnvName | None = Field(
        default=None, description="Environment variable with the bot's token (Telegram)"
    )
    chat_id: Chat | None = Field(default=None, description="Chat that the bot writes to (Telegram)")
    on: Moments = Field(default=get_args(Moment), description="When")

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Notify:
        if self.type == "telegram":
            _require(
                self.token_env and self.chat_id and not self.url_env, "telegram needs token_env and chat_id"
            )
        elif self.type == "slack":
            _require(
                self.url_env and not (self.url or self.token_env or self.chat_id),
                "slack needs url_env and nothing else: the URL of a Slack webhook is a secret",
            )
        else:
            _require(
                bool(self.url) != bool(self.url_env) and not (self.token_env or self.chat_id),
                "webhook needs one of url and url_env",
            )
        return self


def _require(is_so: Any, text: str) -> None:
    if not is_so:
        raise ValueError(text)
