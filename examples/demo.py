"""`make demo`: from a bare VPS to a live NestJS app, a second release under load, and back again.

Everything is done by the commands that a user would type; each is printed before it runs. The project is
copied to build/demo, so that the checkout stays clean and the next commands can be tried on the copy.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from load import Load  # type: ignore[import-not-found] # run as a program; mypy knows examples.load

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "build" / "demo" / "hello-nest"
SHOWN = PROJECT.relative_to(ROOT)
VPSDEPLOY = Path(sys.executable).with_name("vpsdeploy")
LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")


def main() -> None:
    """The demo's acts, in order."""
    begin = time.monotonic()
    prepare_project()
    build = start("build", "--output", str(PROJECT / ".vpsdeploy" / "first.bundle"))
    run("sandbox", "up")
    run("provision", "host")
    finish(build)
    run("release", "--no-watch", "--bundle", str(PROJECT / ".vpsdeploy" / "first.bundle"))
    address = status()["url"]
    say(f"live after {time.monotonic() - begin:.0f} s: {fetch(address)}")
    edit_greeting()
    with Load(hostname(address)) as load:
        run("release", "--no-watch", "--wait-drain")
        say(f"second release: {fetch(address)}")
        run("rollback", "--wait-drain")
    say(f"rolled back: {fetch(address)}")
    finale(load, address)


def prepare_project() -> None:
    """Copy the example, keeping what an earlier demo built and which sandbox it uses."""
    PROJECT.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "examples" / "hello-nest", PROJECT, dirs_exist_ok=True, ignore=LEFT_OUT)
    (PROJECT / ".vpsdeploy").mkdir(exist_ok=True)


def edit_greeting() -> None:
    """The one-line change of the second release."""
    controller = PROJECT / "src" / "app.controller.ts"
    controller.write_text(controller.read_text().replace("Hello World!", "Hello again!"))


def command(*words: str) -> list[str]:
    """A vpsdeploy command line on the demo's project, printed as a user would type it."""
    say(f"\n$ vpsdeploy {' '.join(words)} --project {SHOWN}".replace(f"{ROOT}/", ""))
    return [str(VPSDEPLOY), *words, "--project", str(PROJECT)]


def run(*words: str) -> None:
    """Run a command to its end; stop the demo where it fails."""
    done = subprocess.run(command(*words), env={**os.environ, "VPSDEPLOY_STAGE": "sandbox"}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def start(*words: str) -> subprocess.Popen[str]:
    """Run a command beside the next ones; its output is shown when it has ended."""
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a command that was started; show its output where it failed."""
    output, _ = process.communicate()
    if process.returncode:
        say(output)
        sys.exit(process.returncode)


def status() -> dict[str, str]:
    """vpsdeploy status --json."""
    words = [str(VPSDEPLOY), "status", "--stage", "sandbox", "--json", "--project", str(PROJECT)]
    answer: dict[str, str] = json.loads(
        subprocess.run(words, capture_output=True, text=True, check=True).stdout
    )
    return answer


def hostname(url: str) -> str:
    """The address in http://address."""
    return url.split("//", 1)[1].split("/", 1)[0]


def fetch(url: str) -> str:
    """The app's answer through nginx, with its status."""
    connection = http.client.HTTPConnection(hostname(url), timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    return f"GET {url} -> {answer.status} {answer.read().decode()}"


def finale(load: Load, address: str) -> None:
    """The proof, the address, the next commands; exit 1 where a request failed."""
    for failure in sorted(set(load.tally.failures))[:5]:
        say(f"failed: {failure}")
    say(f"""
{load.tally.proof()}
open:  {address}
next:  {VPSDEPLOY.relative_to(ROOT)} status --project {SHOWN}
       {VPSDEPLOY.relative_to(ROOT)} logs --follow --project {SHOWN}
       {VPSDEPLOY.relative_to(ROOT)} sandbox down --project {SHOWN}""")
    sys.exit(1 if load.tally.failures else 0)


def say(text: str) -> None:
    """Print at once, so that it stays in order with the commands' own output."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
