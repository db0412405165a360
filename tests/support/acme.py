"""A real certificate authority on a sandbox host: Debian's `pebble`, with an HTTPS certificate that the hosts trust."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.support.vps import Project

NAME, PORT = "acme.test", 14000
DIRECTORY_URL = f"https://{NAME}:{PORT}/dir"
TRUSTED = "/usr/local/share/ca-certificates/acme-test.crt"
QUARTER_YEAR_SECONDS = 90 * 86400
_HOME = "/etc/acme-test"
_MAKE = f"""
set -e
install -d -m 0700 {_HOME} && cd {_HOME}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ca.key -out ca.crt \
  -days 90 -subj /CN=acme-test
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout server.key -out server.csr -subj /CN={NAME}
printf 'subjectAltName=DNS:{NAME}\\n' > extensions
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 -extfile extensions -out server.crt
cat ca.crt
"""
_REFUSING = """
import http.server, ssl
class Busy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def say(self, status, text):
        self.send_response(status)
        self.send_header("Replay-Nonce", "bm9uY2U")
        kind = "application/json" if status == 200 else "application/problem+json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())
    def do_HEAD(self): self.say(200, "")
    def do_GET(self):
        base = "https://NAME:PORT/"
        names = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
        self.say(200, __import__("json").dumps({name: base + name for name in names}))
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say(429, '{"type": "urn:ietf:params:acme:error:rateLimited", "status": 429, '
                      '"detail": "too many certificates (5) already issued for this exact set of identifiers"}')
server = http.server.ThreadingHTTPServer(("", PORT), Busy)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("HOME/server.crt", "HOME/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Authority:
    """Pebble on one host; every host of the project knows it by name and trusts it.

    Attributes:
        host: Where it runs.
        address: Of that host.
        names: Hosts of the project.
    """

    project: Project
    host: str
    address: str
    names: tuple[str, ...]

    def install(self) -> None:
        """Bring it, and have all hosts trust its HTTPS."""
        self.project.on(
            self.host, "sh", "-c",
            "apt-get update -qq && apt-get install -y -qq --no-install-recommends pebble openssl curl >/dev/null",
        )  # fmt: skip
        certificate = self.project.on(self.host, "sh", "-c", _MAKE)
        for name in self.names:
            trust = (
                f"cat > {TRUSTED} <<'END'\n{certificate}END\nupdate-ca-certificates --fresh >/dev/null 2>&1"
            )
            self.project.on(name, "sh", "-c", trust)
            self.point(name, NAME, self.address)

    def point(self, host: str, name: str, *addresses: str) -> None:
        """Have a host find a name at these addresses; at none it is unknown."""
        lines = "\n".join(f"{address} {name}" for address in addresses)
        # The file is mounted by the sandbox: it is written into, never replaced.
        script = (
            f"rest=$(grep -v ' {name}$' /etc/hosts); printf '%s\\n%s\\n' \"$rest\" '{lines}' > /etc/hosts"
        )
        self.project.on(host, "sh", "-c", script)

    def start(self, validity_seconds: int = QUARTER_YEAR_SECONDS) -> None:
        """Begin to issue certificates of this life."""
        profile = {"description": "test", "validityPeriod": validity_seconds}
        settings = {
            "listenAddress": f"0.0.0.0:{PORT}", "managementListenAddress": "127.0.0.1:15000", "httpPort": 80,
            "tlsPort": 443, "certificate": f"{_HOME}/server.crt", "privateKey": f"{_HOME}/server.key",
            "ocspResponderURL": "", "externalAccountBindingRequired": False,
            "certificateValidityPeriod": validity_seconds, "profiles": {"default": profile},
        }  # fmt: skip
        self.stop()
        self.project.on(
            self.host, "sh", "-c",
            f"cat > {_HOME}/pebble.json <<'END'\n{json.dumps({'pebble': settings})}\nEND\n"
            "systemd-run --quiet --unit=acme-test --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 "
            f"--setenv=GODEBUG=netdns=go pebble -config {_HOME}/pebble.json",
        )  # fmt: skip
        self._wait()
        # It remembers nobody from before, and certbot would insist on its account.
        for name in self.names:
            self.project.on(name, "sh", "-c", f"rm -rf /etc/letsencrypt/accounts/{NAME}*")

    def start_refusing(self) -> None:
        """Answer as a certificate authority does that was asked too often."""
        self.stop()
        text = _REFUSING.replace("NAME", NAME).replace("PORT", str(PORT)).replace("HOME", _HOME)
        self.project.on(
            self.host, "sh", "-c",
            f"cat > {_HOME}/busy.py <<'END'\n{text}\nEND\n"
            f"systemd-run --quiet --unit=acme-test python3 {_HOME}/busy.py",
        )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        """Be gone."""
        self.project.on(
            self.host, "sh", "-c",
            "systemctl stop acme-test 2>/dev/null; systemctl reset-failed acme-test 2>/dev/null; true",
        )  # fmt: skip

    def root(self) -> str:
        """The root that its certificates lead to; another one after each start."""
        return self.project.on(self.host, "curl", "-sk", "https://127.0.0.1:15000/roots/0")

    def _wait(self) -> None:
        self.project.on(
            self.host, "sh", "-c",
            f"for n in $(seq 100); do curl -s -o /dev/null {DIRECTORY_URL} && exit; sleep 0.1; done; exit 1",
        )  # fmt: skip
