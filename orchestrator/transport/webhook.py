"""One JSON message to one URL. Nothing that is said about a failure holds the URL: it may be a secret."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from orchestrator.secret import Secret

TIMEOUT_SECONDS = 5.0
"""Longest silence of the receiver: at its connection, and at each part of its answer (our choice)."""

_MOST_ANSWER_BYTES = 1 << 16


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the message to somebody who was not named."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: the answer is an error like any other."""


def post(url: Secret, message: dict[str, Any], timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """Send a message. Proxies of the environment are used, as by curl.

    Returns: why it was not taken; empty where it was.
    """
    try:
        request = urllib.request.Request(  # noqa: S310 - http and https are all that the configuration lets through
            url.reveal(), json.dumps(message).encode(), _HEADERS, method="POST"
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout_seconds) as answer:
            answer.read(_MOST_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    except urllib.error.URLError as error:
        return _why(error.reason, timeout_seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _why(error, timeout_seconds)
    return ""


def _why(error: object, timeout_seconds: float) -> str:
    """By the kind of the error, never its text: http.client quotes URLs in some."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"cannot be sent ({type(error).__name__})"


_HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "vpsdeploy"}
