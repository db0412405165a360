"""The frames of the load's WebSockets."""

from __future__ import annotations

from benchmarks.load.websocket import frame


def test_a_frame_is_a_masked_text_of_its_length() -> None:
    """Source: RFC 6455, section 5.2; a client's frames are masked (5.3)."""
    text = b'{"event": "echo", "data": 1}'
    sent = frame(text)
    mask, body = sent[2:6], sent[6:]
    assert (sent[0], sent[1]) == (0x81, 0x80 | len(text))
    assert bytes(byte ^ mask[n % 4] for n, byte in enumerate(body)) == text
