"""A bucket is looked at with a signed request; a server of its own checks the signature."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.secret import Secret
from orchestrator.transport import s3
from tests.support.receivers import IDENTIFIER, SECRET, Cloud

KEY = (IDENTIFIER, Secret(SECRET))


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    cloud.start()
    yield cloud
    cloud.stop()


def test_names_below_a_prefix(cloud: Cloud) -> None:
    """Without the prefix; none where there is nothing of this name."""
    place = cloud.place / "buckets" / "mine" / "shop" / "web-1" / "snapshots"
    place.mkdir(parents=True)
    (place / "aa11").write_text("x")
    assert s3.names(cloud.endpoint, "mine", "shop/web-1/snapshots/", KEY) == ("aa11",)
    assert s3.names(cloud.endpoint, "mine", "shop/web-2/snapshots/", KEY) == ()


@pytest.mark.parametrize(
    ("bucket", "key", "said"),
    [("mine", (IDENTIFIER, Secret("another")), "403 SignatureDoesNotMatch"), ("none", KEY, "404 NoSuchBucket"),
     ("mine", ("NOBODY", Secret(SECRET)), "403")],
)  # fmt: skip
def test_what_the_server_refuses_is_told(
    cloud: Cloud, bucket: str, key: tuple[str, Secret], said: str
) -> None:
    """With its own code, and never with the key."""
    with pytest.raises(OSError, match=said) as caught:
        s3.names(cloud.endpoint, bucket, "x/", key)
    assert key[1].reveal() not in str(caught.value)


def test_a_server_that_is_not_there_is_told() -> None:
    """By what keeps us from it."""
    with pytest.raises(OSError, match="refused"):
        s3.names("127.0.0.1:1", "mine", "x/", KEY)


def test_a_server_of_another_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers there: it is no trouble of ours."""

    def answer(*_: object, **__: object) -> None:
        raise http.client.BadStatusLine("SSH-2.0-OpenSSH")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(OSError, match="speaks no HTTP"):
        s3.names("127.0.0.1:1", "mine", "x/", KEY)
