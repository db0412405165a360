"""One message to one URL, which may be a secret: nothing that is said about a failure holds it."""

from __future__ import annotations

import json
from typing import Any

TIMEOUT_SECONDS = 10.0
"""For the connection and for each answer (our choice): a host that is in trouble is slow itself."""

_MOST_BYTES = 1 << 16


def post(url: str, message: dict[str, Any]) -> str:
    """Send it; redirects are not followed: they would hand it to somebody who was not named.

    Returns: why it was not taken; empty where it was.
    """
    import urllib.error
    import urllib.request  # late: most looks tell nobody

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "vpsdeploy"}
    try:
        request = urllib.request.Request(url, json.dumps(message).encode(), headers, method="POST")  # noqa: S310 - checked when it was handed over
        with urllib.request.build_opener(NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again; its text may quote the URL
        return f"cannot be sent ({type(error).__name__})"
    return ""
