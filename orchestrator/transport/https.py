"""HTTPS to one load balancer by its address: trusted as users trust it, or as the host's very own certificate."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl


class PinnedConnection(http.client.HTTPConnection):
    """A connection that ends at the load balancer itself, whatever DNS says.

    A certificate that the system trusts for the name will do: it may be renewed meanwhile. One that it does not trust
    (an authority of one's own, a test's) has to be the very one that the host's agent named over SSH.

    Args:
        address: Of the load balancer.
        port: Its HTTPS port.
        name: The domain, for SNI and for the certificate.
        pin: SHA-256 of the certificate, in hex.
        timeout: For each step (seconds).
    """

    def __init__(self, address: str, port: int, name: str, pin: str, timeout: float) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name, self._pin = name, pin
        self._trusting = ssl.create_default_context()
        self._pinned = ssl.create_default_context()
        # Compared as a whole below, which is stricter.
        self._pinned.check_hostname, self._pinned.verify_mode = False, ssl.CERT_NONE
        self._is_trusted = True

    def connect(self) -> None:
        """Open it.

        Raises: OSError: no answer, or somebody else's certificate.
        """
        if self._is_trusted:
            try:
                self._open(self._trusting)
            except ssl.SSLCertVerificationError:
                self._is_trusted = False
            else:
                return
        found = hashlib.sha256(self._open(self._pinned).getpeercert(binary_form=True) or b"").hexdigest()
        if found != self._pin:
            self._drop()
            raise ssl.SSLError(f"another certificate than the host's own: {found[:16]}")

    def _open(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        super().connect()
        plain: socket.socket = self.sock
        try:
            secure = context.wrap_socket(plain, server_hostname=self._name)
        except OSError:
            self._drop()
            raise
        self.sock = secure
        return secure

    def _drop(self) -> None:
        """The socket only: `close` would forget the request that we are opened for."""
        self.sock.close()
        self.sock = None
