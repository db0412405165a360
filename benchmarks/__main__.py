"""`make bench`: the figures of docs/benchmarks.md, each against its floor in the same run."""

from __future__ import annotations

from benchmarks import backup, provision, proxy, release

if __name__ == "__main__":
    provision.main()
    release.main()
    proxy.main()
    backup.main()
