"""A moment that somebody typed, such as 2026-11-26T08:00:00Z. Pure."""

from __future__ import annotations

from datetime import datetime

from orchestrator.errors import UsageError

LATEST = "latest"
_SUCH_AS = "2026-11-26T08:00:00Z, 2026-11-26 09:00:00+01:00, or latest"


def parse(text: str, now: datetime) -> float | str:
    """Seconds since the epoch; "latest" stays what it is: the host knows what has arrived.

    Args:
        text: A date and a time with their zone, as ISO 8601 or PostgreSQL write them.
        now: With its zone: what is later is refused.
    Raises: UsageError: it is none; nothing was touched.
    """
    if text.strip().lower() == LATEST:
        return LATEST
    try:
        found = datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
    except ValueError as error:
        raise _refused(f"{text[:60]!r} is no moment", str(error)) from None
    if found.tzinfo is None:
        why = "an hour more or less would be other data: Z is UTC, +01:00 is an hour ahead of it"
        raise _refused(f"{text[:60]!r} has no zone", why)
    if found > now:
        raise _refused(
            f"{text[:60]!r} is in the future", f"it is {now.isoformat(sep=' ', timespec='seconds')}"
        )
    return found.timestamp()


def _refused(what: str, why: str) -> UsageError:
    return UsageError(what, why=why, state="nothing was touched", next=f"--to-time {_SUCH_AS}")
