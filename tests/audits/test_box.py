"""Two apps on one host: each works in its box, and neither can read, signal or see the other."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

SHOP = (
    "app: shop", "domains: [shop.example]", "health: {path: /health, timeout_seconds: 20}", "limits: {memory: 128M}",
    "shared: [uploads]", "env: {TOKEN: shop-secret}", "release: {drain_seconds: 5, watch_seconds: 0}",
    "workers: {mail: {command: [sleep, infinity]}}", 'cron: {tick: {schedule: "@yearly", command: ["true"]}}',
)  # fmt: skip
BLOG = (
    "app: blog", "domains: [blog.example]", "port: 5000", "health: {path: /health, timeout_seconds: 20}",
    "limits: {memory: 128M}", "env: {TOKEN: blog-secret}", "release: {drain_seconds: 5, watch_seconds: 0}",
    "http: {security_headers: false, max_body_size: 1K}",
)  # fmt: skip
MOST_EXPOSED = 1.3
MOST_EXPOSED_NGINX = 4.0

JIT = """
let sum = 0;
const hot = (n) => { for (let i = 0; i < n; i += 1) sum += i % 7; };
for (let i = 0; i < 200; i += 1) hot(100000);
const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,
  0,32,0,32,1,106,11]);
const { Worker } = require('node:worker_threads');
WebAssembly.instantiate(wasm).then(({ instance }) => {
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
  worker.on('message', (answer) => console.log(sum > 0, instance.exports.add(40, 2), answer));
});
"""
TLS = """
const tls = require('node:tls');
const [cert, key] = process.argv.slice(1);
const server = tls.createServer({ cert, key }, (socket) => socket.end('over TLS')).listen(0, '127.0.0.1', () => {
  const client = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: cert, servername: 'peer.example' });
  client.on('data', (said) => console.log(String(said), client.authorized));
  client.on('close', () => server.close());
});
"""


@pytest.fixture(scope="module", name="apps")
def _apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Project]]:
    """One host that two projects are provisioned and released on."""
    path = tmp_path_factory.mktemp("box")
    with project_on_sandbox(path / "shop", "e2e-box", config=SHOP) as shop:
        shutil.copytree(path / "shop/inventories", path / "blog/inventories")
        blog = Project(path / "blog", shop.name)
        (path / "blog/vpsdeploy.yml").write_text("\n".join([*BLOG, ""]))
        for project, app in ((shop, "shop"), (blog, "blog")):
            done = project.vpsdeploy("provision", "host")
            assert done.returncode == 0, done.stderr
            project.json("release", "--bundle", str(bundle(project.path, app, app=app)))
        yield shop, blog


@pytest.fixture(name="shop")
def _shop(apps: tuple[Project, Project]) -> Project:
    """The app that looks around."""
    return apps[0]


def inside(project: Project, *command: str) -> tuple[int, str]:
    """A command in the app's box, as its user: the exit code, and what it printed."""
    done = project.vpsdeploy("exec", "--", *command)
    return done.returncode, (done.stdout + done.stderr).strip()


def main_pid(project: Project, app: str) -> str:
    """The process of the first instance of an app, whichever pool is live."""
    units = project.on(
        "web-1", "sh", "-c", f"systemctl list-units --state=running --plain --no-legend '{app}@*'"
    )
    return project.on("web-1", "systemctl", "show", "-P", "MainPID", units.split()[0]).strip()


def test_every_process_of_an_app_is_in_the_box(shop: Project) -> None:
    """Instance, worker and cron entry by systemd's own figure; nginx, too, is in one of its own."""
    worker, cron, instance = (
        shop.on(
            "web-1", "sh", "-c", f"systemctl list-units --all --plain --no-legend '{pattern}' | cut -d' ' -f1"
        )
        for pattern in ("shop-worker-mail@*", "shop-cron-tick.service", "shop@*")
    )
    units = [(name.split()[0], MOST_EXPOSED) for name in (worker, instance) if name.split()]
    assert len(units) == 2
    units += [(cron.split()[0] if cron.split() else "shop-cron-tick.service", MOST_EXPOSED)]
    for unit, most in [*units, ("nginx.service", MOST_EXPOSED_NGINX)]:
        shown = shop.on("web-1", "systemd-analyze", "security", "--no-pager", unit)
        exposure = float(shown.rpartition("Overall exposure level")[2].split(":")[1].split()[0])
        assert exposure <= most, f"{unit}: {exposure}"


def test_one_app_does_not_see_the_other_s_files(shop: Project) -> None:
    """Nor those of vpsdeploy, nor its own environment file: that is read by systemd alone."""
    assert inside(shop, "ls", "/srv") == (0, "shop")
    for path in ("/srv/blog", "/etc/vpsdeploy/apps", "/var/lib/vpsdeploy/blog", "/root", "/home/deploy/.ssh"):
        assert inside(shop, "ls", path)[0] != 0, path
    assert inside(shop, "sh", "-c", "cat /srv/shop/slots/*/env")[0] != 0


def test_one_app_neither_sees_nor_signals_the_other_s_processes(shop: Project) -> None:
    """Another user's are hidden from it, and it may not touch them even by number."""
    other = main_pid(shop, "blog")
    assert int(other) > 1
    code, seen = inside(shop, "sh", "-c", "ls /proc | grep '^[0-9]*$'")
    assert code == 0
    assert other not in seen.split()
    assert inside(shop, "sh", "-c", f"kill -0 {other}")[0] != 0
    code, said = inside(shop, "sh", "-c", f"cat /proc/{other}/environ /proc/{other}/cmdline")
    assert code != 0
    assert "blog-secret" not in said
    assert main_pid(shop, "blog") == other


def test_an_app_writes_nowhere_but_in_its_shared_directories(shop: Project) -> None:
    """Uploads go there; its own code it cannot change."""
    assert inside(shop, "sh", "-c", "echo upload > uploads/file && cat uploads/file") == (0, "upload")
    assert shop.on("web-1", "cat", "/srv/shop/shared/uploads/file") == "upload\n"
    for path in ("dist/x", "/srv/shop/x", "/usr/local/x", "/etc/x", "/opt/node/x", "/var/www/x"):
        assert inside(shop, "touch", path)[0] != 0, path
    assert inside(shop, "sh", "-c", "touch /tmp/mine && ls /tmp") == (0, "mine")


def test_what_an_app_needs_works_in_the_box(shop: Project) -> None:
    """V8 compiles at run time, WebAssembly and threads run, TLS is spoken and verified."""
    assert inside(shop, "node", "-e", JIT) == (0, "true 42 42")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("peer.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    told = inside(shop, "node", "-e", TLS, "--", certificate.public_bytes(pem).decode(), secret.decode())
    assert told == (0, "over TLS true")


def test_nginx_keeps_apart_what_each_app_wants(shop: Project) -> None:
    """The blog was provisioned last, and wants neither headers nor large bodies: the shop has them all the same."""
    answered = {
        app: shop.on("web-1", "curl", "-s", "-i", "-d", "x" * 2000, "-H", f"Host: {app}.example", "127.0.0.1")
        for app in ("shop", "blog")
    }
    assert "X-Content-Type-Options: nosniff" in answered["shop"]
    assert "X-Content-Type-Options" not in answered["blog"]
    assert "413 Request Entity Too Large" in answered["blog"]
    assert "413" not in answered["shop"].partition("\n")[0]
