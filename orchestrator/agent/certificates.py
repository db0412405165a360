"""The app's certificate on this load balancer: which one nginx has, and which names are sent to HTTPS.

nginx reads `current`, a link to one of three directories: `placeholder` (for nobody), `files` (the user's own, from the
role tls) and certbot's `live/<app>`. A name that the certificate is for has a file in routes/<app>/https, which nginx
looks for on each request: so HTTP goes on until HTTPS works, and neither way needs other nginx files.
"""

from __future__ import annotations

import hashlib
import socket
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, x509
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.layout import AppLayout

ACME, FILES = "acme", "files"
ALERT_PART = 0.25
"""Of the certificate's life: whoever renews has had time enough by then (certbot begins at a third)."""

HTTPS_PORT = 443
_SERVED_SECONDS = 10.0
_POLL_SECONDS = 0.1


def settings(app: AppLayout) -> dict[str, Any] | None:
    """What the role tls wrote; None where the app has no HTTPS here."""
    found = durable.read_json(app.tls_file)
    return found if isinstance(found, dict) else None


def current(call: Call) -> x509.Certificate | None:
    """The certificate that nginx is to use; None where it is a placeholder or none."""
    if not call.app.certificate.exists() or call.app.certificate.resolve() == _placeholder(call.app):
        return None
    return x509.read(call.systemd, call.app.certificate / "fullchain.pem")


def state(call: Call) -> dict[str, Any] | None:
    """For `facts`: null where the app has no HTTPS here."""
    wanted = settings(call.app)
    if wanted is None:
        return None
    found = current(call)
    missing = [name for name in wanted["domains"] if not (found and found.covers(name))]
    told = {"mode": wanted["mode"], "domains": wanted["domains"], "missing": missing}
    return {
        **told, "certificate": found.fields() if found else None, "tried": durable.read_json(call.app.tls_tried_file)
    }  # fmt: skip


def troubles(call: Call, now: float) -> list[str]:
    """What somebody has to look at: names without a certificate, an end that comes near."""
    wanted, found = settings(call.app), current(call)
    if wanted is None:
        return []
    if found is None:
        return [f"no certificate for {', '.join(wanted['domains'])}: served by HTTP"]
    lacking = [name for name in wanted["domains"] if not found.covers(name)]
    texts = [f"the certificate is not for {', '.join(lacking)}: served by HTTP"] if lacking else []
    left = found.part_left(now)
    if left <= 0:
        texts.append(f"the certificate expired on {found.fields()['not_after']}")
    elif left < ALERT_PART:
        texts.append(
            f"the certificate ends on {found.fields()['not_after']}, less than a quarter of its life is left"
        )
    return texts


def prepare(call: Call) -> None:
    """See that nginx finds a certificate when it starts, whatever became of the last one."""
    _make_placeholder(call)
    choose(call)
    mark(call)


def make_ready(call: Call) -> None:
    """The same where nginx runs: what it has is changed by `deploy` only, which asks it first."""
    _make_placeholder(call)
    if not call.app.certificate.is_symlink():
        choose(call)


def choose(call: Call) -> Path:
    """Point `current` to the best that is there. Returns: where it pointed before."""
    app = call.app
    before = app.certificate.readlink() if app.certificate.is_symlink() else _placeholder(app)
    target = _best(call)
    if before != target or not app.certificate.is_symlink():
        durable.link(app.certificate, str(target))
    return before


def is_behind(call: Call) -> bool:
    """Whether nginx runs and has another certificate than the best that is there: it refused it, or was not told.

    The files alone do not say so: a renewal changes them where they are, and nginx goes on with what it has read.
    """
    if call.app.certificate.readlink() != _best(call):
        return True
    found = current(call)
    name = _first_name(call.app, found)
    seen = served(name) if name else ""
    return bool(found and seen and seen != found.fingerprint)


def mark(call: Call) -> None:
    """Send the names to HTTPS that the certificate is for, and no others."""
    app, found = call.app, current(call)
    wanted = (settings(app) or {}).get("domains", [])
    names = {name for name in wanted if found and found.covers(name)}
    app.https_names.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in names:
        if not (app.https_names / name).exists():
            durable.write(app.https_names / name, b"")
    for path in app.https_names.iterdir():
        if path.name not in names:
            durable.remove(path)


def stands_in(call: Call) -> bool:
    """Whether nginx is to use a certificate of another mode than the app's."""
    return call.app.certificate.resolve() != _sources(call.app)[0].resolve()


def deploy(call: Call) -> None:
    """Give nginx the certificate that is there now, if it finds its files right, and see that it has it.

    Raises: HostNotReady: nginx refuses it, and goes on with the one that it has.
    """
    before = choose(call)
    tested = call.systemd.ask(["nginx", "-t", "-q"])
    if tested.code != 0:
        durable.link(call.app.certificate, str(before))
        raise HostNotReady(
            "nginx refuses the new certificate", why=tested.errors.strip()[-1000:],
            state="nginx goes on with the certificate that it has",
            next="put right what nginx says; the host tries again by itself, or: vpsdeploy tls renew",
        )  # fmt: skip
    call.systemd.reload_service("nginx.service")
    found = current(call)
    if found and (name := _first_name(call.app, found)):
        _until_served(found, name)
    mark(call)


def _until_served(wanted: x509.Certificate, name: str) -> None:
    """A reload is over when new workers answer; until then nobody may be sent to HTTPS."""
    deadline = time.monotonic() + _SERVED_SECONDS
    while (seen := served(name)) != wanted.fingerprint:
        if time.monotonic() > deadline:
            raise HostNotReady(
                "nginx was reloaded and does not serve the new certificate",
                why=f"asked for {name} on port {HTTPS_PORT} it answers with {seen[:16] or 'nothing'}, "
                f"the new one is {wanted.fingerprint[:16]}",
                next="systemctl status nginx; nginx -T | grep ssl_certificate",
            )
        time.sleep(_POLL_SECONDS)


def served(name: str) -> str:
    """SHA-256 of the certificate that this host answers with for a name; empty where it does not answer."""
    import ssl  # late: only who deploys needs it

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared as a whole
    try:
        with (
            socket.create_connection(("127.0.0.1", HTTPS_PORT), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    except OSError:
        return ""


def _first_name(app: AppLayout, found: x509.Certificate | None) -> str:
    """The first of the app's names that a certificate is for; empty where there is none."""
    wanted = (settings(app) or {}).get("domains", ())
    return next((str(name) for name in wanted if found and found.covers(name)), "")


def _best(call: Call) -> Path:
    """What the app's mode asks for; where that is not there yet, what the other mode left, while it is valid."""
    wanted, other = _sources(call.app)
    if _is_whole(wanted):
        return wanted
    left = x509.read(call.systemd, other / "fullchain.pem") if _is_whole(other) else None
    return other if left and left.part_left(time.time()) > 0 else _placeholder(call.app)


def _sources(app: AppLayout) -> tuple[Path, Path]:
    """Where the app's mode keeps its certificate, and where the other mode does."""
    own, issued = app.tls / "files", app.host.certbot / "live" / app.name
    return (own, issued) if (settings(app) or {}).get("mode") == FILES else (issued, own)


def _is_whole(directory: Path) -> bool:
    """Whether both files are there, and not empty, as a power loss may leave them."""
    paths = (directory / name for name in ("fullchain.pem", "privkey.pem"))
    return all(path.exists() and path.stat().st_size > 0 for path in paths)


def _placeholder(app: AppLayout) -> Path:
    return app.tls / "placeholder"


def _make_placeholder(call: Call) -> None:
    directory = _placeholder(call.app)
    if not _is_whole(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        x509.placeholder(call.systemd, directory, call.app.name)
