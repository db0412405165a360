"""A message about a change, in the form of each kind of receiver. Pure.

Source: Slack, Sending messages using incoming webhooks (`text`), and Formatting text (&, < and > are escaped);
Telegram Bot API, sendMessage (`chat_id`, `text` of at most 4096 characters, plain without `parse_mode`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.model.news import News
from orchestrator.report import envelope, release

_MOST_CHARACTERS = 3000
"""Within the limits of both: cut before, a message is still read."""


def payload(kind: str, news: News, chat_id: str = "") -> dict[str, Any]:
    """The body of the request.

    Args:
        kind: webhook, slack or telegram.
        news: What is told.
        chat_id: Telegram's.
    """
    said = text(news)[:_MOST_CHARACTERS]
    if kind == "slack":
        return {"text": said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if kind == "telegram":
        return {"chat_id": chat_id, "text": said, "link_preview_options": {"is_disabled": True}}
    return fields(news)


def text(news: News) -> str:
    """For people."""
    what = f"{news.command} {news.release}".rstrip()
    head = f"{news.app} ({news.stage}): {what} "
    before = f" (before: {news.previous})" if news.previous else ""
    if news.moment == "start":
        return f"{head}begins, by {news.by}{before}"
    if news.moment == "success":
        proof = f"\n{release.proof_line(news.proof)}" if news.proof else ""
        return f"{head}is live{before}, by {news.by}, after {news.seconds:.1f} s{proof}"
    verb = "was taken back" if news.moment == "return" else "failed"
    return f"{head}{verb}, by {news.by}{_why(news.error)}" + (f"\n{news.state}" if news.state else "")


def fields(news: News) -> dict[str, Any]:
    """For programs (kind "notification" in docs/json.md)."""
    told = asdict(news)
    told["on"] = told.pop("moment")
    empty = {name: told[name] or None for name in ("release", "previous", "error", "state")}
    return {
        "schema": envelope.SCHEMA,
        "kind": "notification",
        "event": True,
        **told,
        **empty,
        "text": text(news),
    }


def _why(error: dict[str, str]) -> str:
    if not error:
        return ""
    host = f" on {error['host']}" if error.get("host") else ""
    step = f" ({error['step']})" if error.get("step") else ""
    return f": {error['what']}{host}{step}"
