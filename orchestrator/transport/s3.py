"""One look at a bucket: the names below a prefix, asked with a signed request (AWS Signature Version 4).

Source: docs.aws.amazon.com, AmazonS3 API, ListObjectsV2; Signature Version 4 signing process.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import unescape

from orchestrator.secret import Secret

TIMEOUT_SECONDS = 20
_MOST_BYTES = 1 << 20
_REGION = "us-east-1"
"""What restic signs for where nobody names another one; S3 itself answers with the right one."""
_EMPTY = hashlib.sha256(b"").hexdigest()


def names(
    endpoint: str, bucket: str, prefix: str, key: tuple[str, Secret], region: str = _REGION
) -> tuple[str, ...]:
    """The first names below a prefix.

    Args:
        endpoint: Host, and port where it is another one.
        bucket: Asked for as a path, as restic does.
        prefix: Without a slash in front.
        key: Its id and its secret.
        region: Signed for.
    Raises: OSError: it cannot be looked at; its text says why, and holds no key.
    """
    query = f"list-type=2&max-keys=1000&prefix={quote(prefix, safe='')}"
    path, host = f"/{quote(bucket)}", endpoint
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": when}
    request = urllib.request.Request(f"https://{host}{path}?{query}")
    for name, value in {**headers, "authorization": _signed(path, query, headers, key, region)}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - https, as written above
            text = answer.read(_MOST_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        said = error.read(_MOST_BYTES).decode("utf-8", "replace")
        error.close()
        code = re.search(r"<Code>([A-Za-z]+)</Code>", said)
        wanted = re.search(r"<Region>([a-z0-9-]+)</Region>", said)
        if wanted and wanted[1] != region:
            return names(endpoint, bucket, prefix, key, wanted[1])
        raise OSError(f"{endpoint} answered {error.code} {code[1] if code else ''}".rstrip()) from None
    except urllib.error.URLError as error:
        raise OSError(f"{endpoint}: {error.reason}") from None
    except http.client.HTTPException as error:
        raise OSError(f"{endpoint} speaks no HTTP: {error!r}") from None
    return tuple(unescape(one).removeprefix(prefix) for one in re.findall(r"<Key>([^<]*)</Key>", text))


def _signed(path: str, query: str, headers: dict[str, str], key: tuple[str, Secret], region: str) -> str:
    """The Authorization header."""
    names_ = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    asked = "\n".join(("GET", path, query, lines, names_, _EMPTY))
    day, scope = headers["x-amz-date"][:8], f"{headers['x-amz-date'][:8]}/{region}/s3/aws4_request"
    text = "\n".join(
        ("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(asked.encode()).hexdigest())
    )
    signing = f"AWS4{key[1].reveal()}".encode()
    for part in (day, region, "s3", "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.digest(signing, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key[0]}/{scope}, SignedHeaders={names_}, Signature={signature}"
