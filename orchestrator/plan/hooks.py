"""The steps that hooks are, phase by phase. Pure: none where none is configured."""

from __future__ import annotations

from orchestrator.config import AppConfig
from orchestrator.config.hooks import Hook
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.step import Step

VERB = "hook"
BUILD, START, GATE, FLIP, CONFIRM, FAILURE = (
    ("before_build", "after_build"), "before_start", "after_gate", "after_flip", "after_confirm", "on_failure",
)  # fmt: skip
_TITLE_LENGTH = 32


def steps(
    config: AppConfig, phase: str, told: dict[str, str], facts: FleetFacts | None = None, *, of: str = ""
) -> tuple[Step, ...]:
    """One step for each hook of a phase.

    Args:
        config: The app.
        phase: A key of `hooks`.
        told: What the command learns, without VPSDEPLOY_ before the names.
        facts: Of all hosts; without them hooks of the app's sandbox are left out (homeless).
        of: Release in whose directory a hook on a host runs; empty for the one that is current.
    """
    named = {"phase": phase, "app": config.app, **told}
    env = {f"VPSDEPLOY_{name.upper()}": text for name, text in named.items() if text}
    left_out = homeless(config, phase, facts)
    return tuple(_step(hook, phase, env, facts, of) for hook in hooks(config, phase) if hook not in left_out)


def hooks(config: AppConfig, phase: str) -> tuple[Hook, ...]:
    """The hooks of a phase."""
    found: tuple[Hook, ...] = getattr(config.hooks, phase)
    return found


def homeless(config: AppConfig, phase: str, facts: FleetFacts | None) -> tuple[Hook, ...]:
    """Hooks of the app's sandbox while no host is known: they were not written for this machine."""
    return () if facts else tuple(hook for hook in hooks(config, phase) if hook.where == "app")


def flip_seconds(config: AppConfig) -> int:
    """How much longer a flip has to stay unconfirmed: its hooks may take so long."""
    return round(sum(hook.timeout_seconds for hook in hooks(config, FLIP)))


def _step(hook: Hook, phase: str, env: dict[str, str], facts: FleetFacts | None, of: str) -> Step:
    """On the first app host: one of them does it for all."""
    short = hook.run if len(hook.run) <= _TITLE_LENGTH else hook.run[: _TITLE_LENGTH - 1] + "…"
    on_host = hook.where == "app" and facts is not None
    hosts = (facts.apps[0].name,) if on_host and facts else ()
    request = {"command": hook.run, "timeout_seconds": hook.timeout_seconds, "env": env}
    return Step(
        f"{phase}: {short}", VERB, hosts, request | ({"release": of} if on_host and of else {}),
        tidy=phase == CONFIRM,
    )  # fmt: skip
