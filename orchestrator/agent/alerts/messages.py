"""A message about troubles, in the form of each kind of receiver, as the controller's about releases (report/news.py).

Source: Slack, incoming webhooks (`text`), Formatting text; Telegram Bot API, sendMessage (at most 4096 characters).
"""

from __future__ import annotations

from typing import Any, NamedTuple

SCHEMA = "vpsdeploy/1"
_MOST_CHARACTERS = 3000


class News(NamedTuple):
    """What is told at once.

    Attributes:
        begun: Troubles: `name`, `text`, `since`.
        ended: Those that are over, with `ended`.
    """

    app: str
    stage: str
    host: str
    time: str
    begun: list[dict[str, str]]
    ended: list[dict[str, str]]


def payload(kind: str, news: News, chat_id: str) -> dict[str, Any]:
    """The body of the request, for webhook, slack or telegram."""
    said = text(news)[:_MOST_CHARACTERS]
    if kind == "slack":
        return {"text": said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if kind == "telegram":
        return {"chat_id": chat_id, "text": said, "link_preview_options": {"is_disabled": True}}
    return {
        "schema": SCHEMA, "kind": "alert", "event": True, "on": "trouble", "app": news.app, "stage": news.stage,
        "host": news.host, "time": news.time, "troubles": news.begun, "ended": news.ended, "text": text(news),
    }  # fmt: skip


def text(news: News) -> str:
    """For people."""
    head = f"{news.app} ({news.stage}): {news.host}: "
    lines = [one["text"] for one in news.begun]
    lines += [f"over since {one['ended']}: {one['text']}" for one in news.ended]
    return head + ("\n".join(lines) if len(lines) == 1 else "\n".join(["", *(f"- {line}" for line in lines)]))
