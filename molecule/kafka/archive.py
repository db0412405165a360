"""Pack a stand-in for Kafka's release archive, the same bytes every time: python archive.py FILE. Prints its SHA-512.

Its programs take what the documented ones take and refuse all else; its server is tests/support/fake_kafka_server.py.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PROGRAMS = ("kafka-storage.sh", "kafka-server-start.sh")
SOURCES = (
    *(f"tests/support/{name}.py" for name in ("fake_kafka", "fake_kafka_server")),
    *(f"orchestrator/agent/kafka_{name}.py" for name in ("admin", "connection", "scram", "wire")),
)
PACKAGES = ("tests", "tests/support", "orchestrator", "orchestrator/agent")


def main(target: Path) -> None:
    """Write the archive."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in PROGRAMS:
            _add(tar, f"bin/{name}", (HERE / "stand-in" / name).read_bytes(), 0o755)
        for name in SOURCES:
            _add(tar, f"python/{name}", (TOP / name).read_bytes(), 0o644)
        for name in PACKAGES:
            _add(tar, f"python/{name}/__init__.py", b"", 0o644)
    target.write_bytes(packed.getvalue())
    sys.stdout.write(hashlib.sha512(packed.getvalue()).hexdigest())


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(f"kafka_2.13-4.1.2/{name}")
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
