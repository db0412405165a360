"""Somebody on a host who writes rows all the while, and notes each that was committed: its number, and when."""

from __future__ import annotations

LOG, UNIT = "/root/committed", "writer"

_PROGRAM = """
import subprocess, time
client = subprocess.Popen(CLIENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
log = open("LOG", "a", buffering=1)
while True:
    client.stdin.write(STATEMENT)
    client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        break
    log.write(f"{line.strip()} {time.time()}\\n")
"""


def begin(client: list[str], statement: str) -> str:
    """A shell's script: the client says one line for each statement, the new row's number. `END` ends it."""
    words = {"CLIENT": repr(client), "STATEMENT": repr(statement + "\n"), "LOG": LOG}
    program = _PROGRAM
    for name, value in words.items():
        program = program.replace(name, value)
    return f"cat > /root/writer.py <<'PY'\n{program}\nPY\nsystemd-run --quiet --unit={UNIT} python3 /root/writer.py"


END = f"systemctl stop {UNIT}"
COUNT = f"cat {LOG} 2>/dev/null | wc -l"
"""How many rows it has noted so far."""


def committed(log: str) -> dict[int, float]:
    """What the log says: when each row was known to be there (seconds since the epoch), by its number."""
    return {int(number): float(at) for number, at in (line.split() for line in log.splitlines())}
