"""What the command line says about the watch of one release, laid over vpsdeploy.yml."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from orchestrator.config.app import AppConfig
from orchestrator.config.fields import CanarySteps
from orchestrator.errors import UsageError

_STEPS: TypeAdapter[tuple[int, ...]] = TypeAdapter(CanarySteps)


def asked(config: AppConfig, *, watch: bool, canary: str = "") -> AppConfig:
    """The configuration of this one release.

    Args:
        config: As vpsdeploy.yml has it.
        watch: Whether to watch as it says there; else the flip is confirmed at once, and there is no canary.
        canary: "5,25,100"; empty for what vpsdeploy.yml says.
    Raises: UsageError: a canary that cannot be.
    """
    if canary and not (watch and config.release.watch_seconds):
        why = "release.watch_seconds is 0 in vpsdeploy.yml" if watch else "--no-watch says not to"
        raise _refused("a canary needs a watch", why)
    steps = _parse(canary) if canary else config.release.canary
    changed = {"canary": steps} if watch else {"canary": (), "watch_seconds": 0}
    return config.model_copy(update={"release": config.release.model_copy(update=changed)})


def _parse(text: str) -> tuple[int, ...]:
    try:
        return _STEPS.validate_python(tuple(int(part) for part in text.split(",")), strict=True)
    except ValidationError as error:
        raise _refused(f"--canary {text} cannot be", str(error.errors()[0]["ctx"]["error"])) from None
    except ValueError:
        why = "it must be percentages that rise to 100, with commas between them"
        raise _refused(f"--canary {text} cannot be", why) from None


def _refused(what: str, why: str) -> UsageError:
    return UsageError(what, why=why, state="nothing was touched", next="for example: --canary 5,25,100")
