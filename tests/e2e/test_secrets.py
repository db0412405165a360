"""Known secrets on a real host: they arrive everywhere exactly, and are nowhere else.

The order matters: a life of an app with secrets, every command of it with --verbose and some failing on purpose; then
everything that was printed, written and running meanwhile is searched.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.canaries import Canaries
from tests.support.node_apps import bundle
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "instances: 1", "limits: {memory: 128M}", "release: {drain_seconds: 5, watch_seconds: 1}",
    "env: {LOG_LEVEL: info}", "env_required: [S_PLAIN]",
    "migrate: {command: node dist/digests.js}", "workers: {mailer: {entry: dist/worker.js}}",
    'cron: {nightly: {schedule: "0 3 * * *", entry: dist/digests.js}}',
    "hooks: {after_gate: [{run: node dist/digests.js, where: app}], before_start: [env | grep -c S_ || true]}",
)  # fmt: skip
DIGESTS = """
const { createHash } = require('node:crypto');
const found = Object.entries(process.env).filter(([name]) => name.startsWith('S_')).sort();
console.log('digests ' + JSON.stringify(Object.fromEntries(found.map(
  ([name, value]) => [name, createHash('sha256').update(value).digest('hex').slice(0, 16)]))));
"""
WORKER = f"{DIGESTS}\nsetInterval(() => undefined, 1000);"
OF_THE_INSTANCE = """
import glob, hashlib
commands = {path: open(path, "rb").read().split(bytes(1)) for path in glob.glob("/proc/[0-9]*/cmdline")}
[one] = [path for path, words in commands.items() if b"dist/main.js" in words]
words = open(one.replace("cmdline", "environ"), "rb").read().split(bytes(1))
for name, _, value in (word.partition(b"=") for word in words):
    if name.startswith(b"S_"):
        print(name.decode(), hashlib.sha256(value).hexdigest()[:16])
"""
MORE = {"dist/digests.js": DIGESTS, "dist/worker.js": WORKER}


class Life:
    """The project, its canaries, and all that its commands have printed."""

    def __init__(self, project: Project, canaries: Canaries) -> None:
        self.project, self.canaries = project, canaries
        self.printed: dict[str, str] = {}

    def run(self, *arguments: str, stdin: str = "", code: int = 0, **env: str) -> str:
        """Run a command, which has to end so; what it printed is remembered."""
        done = subprocess.run(
            [VPSDEPLOY, *arguments], cwd=self.project.path, capture_output=True, text=True, check=False, input=stdin,
            env={**os.environ, **env}, timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        self.printed[" ".join([*arguments, str(len(self.printed))])] = printed
        assert done.returncode == code, f"{arguments}\n{printed}"
        return printed

    def digests_in(self, text: str) -> list[dict[str, str]]:
        """What processes of the app said of their environments."""
        lines = (line.partition("digests {")[2] for line in text.splitlines())
        return [json.loads("{" + line.partition("}")[0] + "}") for line in lines if line]


@pytest.fixture(scope="module", name="life")
def _life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A bare host, and a controller whose home is empty."""
    place = tmp_path_factory.mktemp("secrets")
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", "e2e-secrets", config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        yield Life(made, Canaries())


def test_every_process_of_the_app_gets_every_value_exactly(life: Life) -> None:
    """Instances, workers, cron entries, migrations, hooks, exec: newlines, quotes, unicode, nothing, 64 KiB."""
    expected = life.canaries.digests
    life.run("provision", "host", "--verbose")
    with life.canaries.watched_for() as seen:
        for name, value in life.canaries.values.items():
            if name not in ("S_PLAIN", "S_URL"):
                life.run("env", "set", name, stdin=value + ("" if "\n" in value else "\n"))
        missing = life.run(
            "release", "--bundle", str(bundle(life.project.path, "x", more=MORE)), "--verbose", code=3
        )
        assert "lacks S_PLAIN" in missing
        rest = (f"export {name}='{life.canaries.values[name]}'\n" for name in ("S_PLAIN", "S_URL"))
        life.run("env", "import", "-", "--json", stdin="".join([*rest, "PORT=3000\n"]))
        first = str(bundle(life.project.path, "first", more=MORE))
        life.run("release", "--bundle", first, "--dry-run", "--json")
        released = life.run("release", "--bundle", first, "--verbose")
        ran = life.run("cron", "run", "nightly", "--follow")
        executed = life.run("exec", "--", "node", "dist/digests.js")
        logged = life.run("logs", "--worker", "mailer", "--lines", "20")
    assert [life.digests_in(text)[0] for text in (ran, executed, logged)] == [expected] * 3
    assert [expected] * 2 == life.digests_in(released)[-2:]  # the migration and the hook
    assert seen == []
    lines = life.project.on("web-1", "python3", "-c", OF_THE_INSTANCE).splitlines()
    assert dict(line.split(" ") for line in lines) == expected


def test_another_value_is_another_release_and_a_rollback_brings_the_old_one_back(life: Life) -> None:
    """By `env apply` without a build; releases diff tells names and digests."""
    old = life.canaries.digests["S_PLAIN"]
    with life.canaries.watched_for() as seen:
        life.run("env", "set", "S_PLAIN", stdin=f"other{life.canaries.word}")
        applied = life.run("env", "apply", "--verbose")
        assert "migrate" not in applied
        new = life.digests_in(life.run("exec", "--", "node", "dist/digests.js"))[0]
        assert {n for n, digest in new.items() if digest != life.canaries.digests[n]} == {"S_PLAIN"}
        ids = [one["id"] for one in json.loads(life.run("releases", "--json"))["releases"]]
        differing = json.loads(life.run("releases", "diff", *sorted(ids)[-2:], "--json"))
        assert [one["name"] for one in differing["env"]] == ["S_PLAIN"]
        assert (differing["files"]["changed"], differing["settings"][0]["name"]) == (0, "migrate.command")
        life.run("rollback", "--verbose")
        assert life.digests_in(life.run("exec", "--", "node", "dist/digests.js"))[0]["S_PLAIN"] == old
        logged = ("logs", "--worker", "mailer", "--lines", "5")
        until(lambda: life.digests_in(life.run(*logged))[-1]["S_PLAIN"] == old)
    assert seen == []


def test_commands_that_fail_say_nothing_either(life: Life) -> None:
    """A gate that nobody passes, a wrong key, an editor that fails, a traceback; and the commands that only look."""
    key = next((Path(os.environ["XDG_CONFIG_HOME"]) / "vpsdeploy/keys").glob("*.key"))
    bad = str(bundle(life.project.path, "bad", "crashes at boot", more=MORE))
    with life.canaries.watched_for() as seen:
        for arguments in (["--verbose"], ["--json"]):
            life.run("release", "--bundle", bad, *arguments, code=8)
        life.run("--debug", "release", "--bundle", bad, code=1)
        moved = key.rename(key.with_suffix(".away"))
        assert "is not here" in life.run("release", "--bundle", bad, "--verbose", code=3)
        life.run("--debug", "env", "apply", code=1)
        moved.rename(key)
        life.run("env", "edit", code=2, EDITOR="false")
        life.run("env", "set", "S_BAD", stdin=f"{life.canaries.word}\0", code=2)
        life.run("env", "rotate-key", "--json")
        life.run("env", "apply", "--no-watch", "--json")
        for words in (
            "env list", "env list --json", "status", "history", "releases", "logs --lines 500", "logs --json",
            "workers", "cron list", "host list", "lock -m freeze", "unlock", "maintenance on", "maintenance off",
            "scale 2 --verbose", "provision host --verbose", "provision host --check --full --verbose",
        ):  # fmt: skip
            life.run(*words.split())
        life.run("doctor", "--json", code=6)
    assert seen == []


def test_an_app_that_writes_a_secret_into_its_log_is_not_quoted(life: Life) -> None:
    """The journal has it, by the app's own doing; what our commands say of it has not."""
    value = f"postgres://u:{life.canaries.word[::-1]}@db"
    source = "console.error(`cannot reach ${process.env.S_LEAKED}`); process.exit(1);"
    leaky = str(bundle(life.project.path, "leaky", more={**MORE, "dist/main.js": source}))
    life.run("env", "set", "S_LEAKED", stdin=value)
    told = life.run("release", "--bundle", leaky, "--verbose", code=8)
    told += life.run("logs", "--lines", "200")
    life.run("env", "unset", "S_LEAKED")
    assert "cannot reach [redacted]" in told
    assert value not in told
    assert value in life.project.on("web-1", "journalctl", "--output=cat")


def test_nothing_that_was_printed_holds_a_value(life: Life) -> None:
    """Of every command of this file."""
    leaks = [name for name, text in life.printed.items() if life.canaries.found_in(text.encode())]
    assert leaks == []
    assert len(life.printed) > 40


def test_no_file_of_the_controller_holds_a_value(life: Life) -> None:
    """The project with its Git-ignored leftovers, the home's directories, what is in memory and in /tmp."""
    config, cache = (Path(os.environ[name]) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"))
    memory = [Path(one) for one in ("/dev/shm", "/run")]  # noqa: S108 - looked at, not written to
    ours = [path for place in memory for path in place.glob("vpsdeploy-*")]
    assert life.canaries.files_below(life.project.path, config, cache, *ours) == []
    assert list(config.rglob("*.key"))


def test_on_the_host_only_files_of_root_hold_a_value(life: Life) -> None:
    """Settings of the releases and what systemd reads; each 0600, and no directory of the app's users holds one."""
    patterns = [word for form in life.canaries.forms for word in ("-e", form)]
    places = ["/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var"]  # noqa: S108 - looked at
    script = 'grep -rlaisF "$@" || true'
    found = life.project.on("web-1", "sh", "-c", script, "sh", *patterns, *places).splitlines()
    kinds = {path.rpartition("/")[2] for path in found}
    assert kinds == {"settings.json", "env", "worker-mailer.env", "cron-nightly.env"}
    assert all(path.startswith(("/srv/shop/releases/", "/srv/shop/slots/")) for path in found)
    modes = life.project.on("web-1", "stat", "-c", "%a %U", *found).splitlines()
    assert set(modes) == {"600 root"}


def test_no_log_no_unit_and_no_other_user_sees_a_value(life: Life) -> None:
    """The journal, all that systemd shows, and everything that `deploy` and a stranger can read of processes."""
    show = "systemctl show '*'; systemctl cat 'shop*'; systemctl show-environment; journalctl --all --output=export"
    assert not life.canaries.found_in(life.project.on("web-1", "sh", "-c", show).encode())
    look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /srv/shop/slots/*/env /srv/shop/releases/*/*.json 2>/dev/null"
    for user in ("deploy", "nobody"):
        seen = life.project.on(
            "web-1", "setpriv", f"--reuid={user}", "--clear-groups", "sh", "-c", f"{look}; true"
        )
        assert "manifest" in seen or "digest" in seen
        assert not life.canaries.found_in(seen.encode())
