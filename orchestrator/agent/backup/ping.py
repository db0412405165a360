"""The dead man's switch: an address that is told of each backup, and that alerts somebody when it hears nothing.

Nothing that happens here can fail a backup.
"""

from __future__ import annotations

from orchestrator.agent.backup import settings
from orchestrator.agent.call import Call

_SECONDS = 10
_MOST_BYTES = 10_000


def tell(call: Call, ending: str, text: str = "") -> None:
    """Say how it goes. The address may be a secret: it is in a file of root's, and never in a process list.

    Args:
        call: For the app.
        ending: "/start", "/fail", or nothing for success. Source: healthchecks.io, Pinging API.
        text: What is shown to whoever is alerted.
    """
    url = _url(call)
    if url:
        _post(url + ending, text.encode()[:_MOST_BYTES])


def _url(call: Call) -> str:
    try:
        return (call.app.backup_keys / settings.PING_URL).read_text().strip().rstrip("/")
    except OSError:
        return ""


def _post(url: str, body: bytes) -> None:
    import sys
    import urllib.request  # late: most verbs tell nobody

    try:
        request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - http or https: the configuration's
        urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310 - the same request
    except Exception as error:  # noqa: BLE001 - whatever it is, the backup is done
        # Its text may quote the address.
        sys.stderr.write(f"the dead man's switch was not told: {type(error).__name__}\n")
