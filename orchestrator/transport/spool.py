"""One stream for several readers, each at its own pace: it is made once, into a file that has no name.

Memory holds a block; the disk holds the stream while it is being sent.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

_READ_BYTES = 256 * 1024


class Spool:
    """A stream that is being made; close it when the last reader has ended.

    Args:
        blocks: The stream; taken by a thread of its own.
        directory: On a disk: /tmp is memory on many machines.
    """

    def __init__(self, blocks: Iterable[bytes], directory: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed by close()
        self._grown = threading.Condition()
        self._length, self._ended, self._closed = 0, False, False
        self._error: Exception | None = None
        self._maker = threading.Thread(target=self._make, args=(blocks,), daemon=True)
        self._maker.start()

    def read(self) -> Iterator[bytes]:
        """The stream from its beginning. Raises: what its making raised."""
        position = 0
        while (length := self._beyond(position)) > position:
            while position < length:
                part = os.pread(self._file.fileno(), min(_READ_BYTES, length - position), position)
                position += len(part)
                yield part

    def close(self) -> None:
        """Stop making it, and give its room back."""
        self._closed = True
        self._maker.join()
        self._file.close()

    def _beyond(self, position: int) -> int:
        """Wait until there is more than that, or the end."""
        with self._grown:
            self._grown.wait_for(lambda: self._length > position or self._ended)
            if self._error and self._length == position:
                raise self._error
            return self._length

    def _make(self, blocks: Iterable[bytes]) -> None:
        try:
            for block in blocks:
                if self._closed:
                    return
                self._file.write(block)
                self._file.flush()
                self._tell(len(block))
        except Exception as error:  # noqa: BLE001 - the readers raise it
            self._error = error
        finally:
            self._ended = True
            self._tell(0)

    def _tell(self, length: int) -> None:
        with self._grown:
            self._length += length
            self._grown.notify_all()
