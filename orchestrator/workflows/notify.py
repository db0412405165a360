"""Telling others about a change: beside it, in time, and never in its way."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.config.notify import Notify
from orchestrator.model.news import News
from orchestrator.report import news as report
from orchestrator.report.reporter import Reporter
from orchestrator.secret import Secret

FINISH_SECONDS = 8.0
"""How long a command waits at its end for messages that are on their way (our choice: more than one timeout)."""

TELEGRAM = "https://api.telegram.org"

Post = Callable[[Secret, dict[str, Any]], str]


def _post(url: Secret, message: dict[str, Any]) -> str:
    from orchestrator.transport import webhook  # late: most releases tell nobody, and urllib takes its time

    return webhook.post(url, message)


class Notifier:
    """The receivers of one command, each with a thread of its own: a slow one holds up nobody, not even the others.

    Args:
        config: The app.
        reporter: Told once about each receiver that could not be reached.
        post: Sends one message; default: over HTTP.
    """

    def __init__(self, config: AppConfig, reporter: Reporter, post: Post | None = None) -> None:
        self._reporter = reporter
        found = (_Receiver(n, one, post or _post) for n, one in enumerate(config.notify))
        self._receivers = tuple(found)

    def tell(self, news: News) -> None:
        """Hand over a message, and go on."""
        for receiver in self._receivers:
            receiver.take(news)

    def finish(self) -> None:
        """Wait a little for what is on its way; what was not delivered is a warning."""
        deadline = time.monotonic() + FINISH_SECONDS
        for receiver in self._receivers:
            if why := receiver.finish(max(0.0, deadline - time.monotonic())):
                self._reporter.note(f"warning: {receiver.name} was not told: {why}")


def missing(config: AppConfig) -> tuple[tuple[str, str], ...]:
    """Receivers that nobody could tell from here, and what to do: for `vpsdeploy doctor`."""
    whys = ((n, one, address(one)[1]) for n, one in enumerate(config.notify))
    return tuple(
        (f"notify[{n}] ({one.type}): {why}", f"set {one.token_env or one.url_env} where releases are made")
        for n, one, why in whys
        if why
    )


class _Receiver:
    """One entry of `notify`; its thread starts with its first message, so that order is kept."""

    def __init__(self, n: int, config: Notify, post: Post) -> None:
        self.name = f"notify[{n}] ({config.type})"
        self._config, self._post = config, post
        self._waiting: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._why = ""

    def take(self, news: News) -> None:
        if news.moment in self._config.on:
            if not self._thread.ident:
                self._thread.start()
            self._waiting.put(news)

    def finish(self, seconds: float) -> str:
        """Returns: why a message was not delivered; empty where all were."""
        if not self._thread.ident:
            return ""
        self._waiting.put(None)
        self._thread.join(seconds)
        return self._why or ("it has not answered yet" if self._thread.is_alive() else "")

    def _work(self) -> None:
        while news := self._waiting.get():
            try:
                self._why = self._send(news) or self._why
            except Exception as error:  # noqa: BLE001 - whatever it is must not end a release; its text may hold the URL
                self._why = f"cannot be sent ({type(error).__name__})"

    def _send(self, news: News) -> str:
        url, why = address(self._config)
        message = report.payload(self._config.type, news, self._config.chat_id or "")
        return why or self._post(url, message)


def address(config: Notify) -> tuple[Secret, str]:
    """Where to send, and why that is not known: the environment of this machine lacks it."""
    name = config.token_env or config.url_env
    value = os.environ.get(name, "").strip() if name else (config.url or "")
    if not value:
        return Secret(""), f"the environment has no {name}"
    if config.type == "telegram":
        return Secret(f"{(config.url or TELEGRAM).rstrip('/')}/bot{value}/sendMessage"), ""
    if not value.startswith(("https://", "http://")):
        return Secret(""), f"{name} holds no URL"
    return Secret(value), ""
