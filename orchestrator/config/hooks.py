"""`hooks:` of vpsdeploy.yml: commands at the phases of a release."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.config.fields import Allowed, Text
from orchestrator.config.section import Section

AFTER_FLIP_SECONDS = 600
"""How long all hooks after the flip may take together: so long a flip stays unconfirmed (our choice)."""


class Hook(Section):
    """One command; a text alone is a command with the other keys' defaults."""

    run: Text = Field(description="Shell command")
    where: Annotated[
        Literal["controller", "app"],
        Allowed("controller (this machine) or app (the app's sandbox on a host)"),
    ] = Field(default="controller", description="Where it runs")
    timeout_seconds: float = Field(
        default=60,
        ge=1,
        le=3600,
        description="After this time it is ended, with all that it started (seconds)",
    )


def _command(value: Any) -> Any:
    return {"run": value} if isinstance(value, str) else value


def _on_controller(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    if any(hook.where == "app" for hook in hooks):
        raise ValueError("a hook of the build runs on the controller only: the release is on no host yet")
    return hooks


def _quick(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    total = sum(hook.timeout_seconds for hook in hooks)
    if total > AFTER_FLIP_SECONDS:
        raise ValueError(
            f"timeout_seconds of all of them make {total:g}; at most {AFTER_FLIP_SECONDS} are allowed, because the "
            "flip is not confirmed until they have ended"
        )
    return hooks


Entry = Annotated[
    Hook, BeforeValidator(_command), Allowed("a command, or a mapping with run, where, timeout_seconds")
]
Hooks = Annotated[tuple[Entry, ...], Allowed("a list of commands")]
BuildHooks = Annotated[Hooks, AfterValidator(_on_controller)]
FlipHooks = Annotated[Hooks, AfterValidator(_quick)]


class HooksConfig(Section):
    """Commands at the phases of a release; most releases need none."""

    before_build: BuildHooks = Field(default=(), description="Before the build; a failure stops it")
    after_build: BuildHooks = Field(default=(), description="After the build; a failure stops the release")
    before_start: Hooks = Field(default=(), description="Before the new instances start")
    after_gate: Hooks = Field(default=(), description="When the new instances are healthy, before the flip")
    after_flip: FlipHooks = Field(default=(), description="When users see the release; a failure flips back")
    after_confirm: Hooks = Field(default=(), description="When the release stands; a failure is a warning")
    on_failure: Hooks = Field(default=(), description="When a release or a rollback failed and was undone")
