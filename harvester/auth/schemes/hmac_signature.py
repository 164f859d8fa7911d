"""Signs each request with a shared secret (RFC 2104), in the way that its options declare."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, unquote_plus, urlsplit

from harvester.auth.scheme import StaticScheme
from harvester.config import Hmac
from harvester.errors import ConfigError
from harvester.http import Credentials, Signature
from harvester.patterns import pattern
from harvester.values import dataclass

_PART: Final = pattern(r"(\{[^{}]*\})")
_DECODED: Final[Mapping[str, Callable[[str], bytes]]] = {
    "text": str.encode,
    "base64": lambda text: base64.b64decode(text, validate=True),
    "hex": bytes.fromhex,
}
_WRITTEN: Final[Mapping[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
}


class HmacSignature(StaticScheme[Hmac], options=Hmac):
    """`type: hmac`."""

    def credentials(self) -> Credentials:
        """The signature, with the time at which the request leaves."""
        options = self.options
        try:
            secret = _DECODED[options.secret_encoding](self.text(options.secret))
        except (ValueError, binascii.Error):
            message = f"auth.secret is not {options.secret_encoding} (secret_encoding)"
            raise ConfigError(message) from None
        key = None if options.key is None else self.text(options.key)
        return Credentials(sign=_Signer(options, secret, key))

    def derived(self) -> Iterator[str]:
        """Nothing: a signature is good for one request."""
        return iter(())


@dataclass(frozen=True)
class _Signer(Signature):
    options: Hmac
    secret: bytes = field(repr=False)
    key: str | None = field(repr=False)
    clock: Callable[[], float] = time.time

    def __call__(self, prepared: Any) -> Any:
        """Add key and time, sign what is to be sent, and add the signature."""
        options = self.options
        named = (options.name, options.key_name, options.timestamp_name)
        moment = _moment(self.clock(), options.timestamp)
        # A next link may hold those of the request before.
        prepared.url = _without(str(prepared.url), {name for name in named if name})
        for name, location, text in (
            (options.key_name, options.key_location, self.key),
            (options.timestamp_name, options.timestamp_location, moment),
        ):
            if name and text:
                _put(prepared, name, location, text)
        digest = hmac.digest(self.secret, self._message(prepared, moment), options.algorithm)
        signature = options.prefix + _WRITTEN[options.encoding](digest)
        _put(prepared, options.name, options.location, signature)
        return prepared

    def _message(self, prepared: Any, moment: str) -> bytes:
        url = urlsplit(prepared.url)
        body = prepared.body or b""
        body = body.encode() if isinstance(body, str) else body
        parts: dict[str, bytes] = {
            "{method}": prepared.method.encode(),
            "{path}": (url.path or "/").encode(),
            "{query}": url.query.encode(),
            "{path_and_query}": prepared.path_url.encode(),
            "{host}": url.netloc.encode(),
            "{body}": body,
            "{body_sha256}": hashlib.sha256(body).hexdigest().encode(),
            "{timestamp}": moment.encode(),
            "{key}": (self.key or "").encode(),
        }
        pieces = _PART.split(self.options.signed)
        return b"".join(parts.get(piece, piece.encode()) for piece in pieces)


def _put(prepared: Any, name: str, location: str, text: str) -> None:
    if location == "header":
        prepared.headers[name] = text
        return
    pair = f"{quote(name, safe='')}={quote(text, safe='')}"
    prepared.url += f"{'&' if urlsplit(prepared.url).query else '?'}{pair}"


def _without(url: str, names: set[str]) -> str:
    """The URL without the parameters of these names."""
    head, mark, query = url.partition("?")
    kept = [p for p in query.split("&") if unquote_plus(p.partition("=")[0]) not in names]
    return f"{head}{mark}{'&'.join(kept)}" if mark and any(kept) else head


def _moment(epoch: float, form: str) -> str:
    if form == "iso":
        text = datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return str(int(epoch * 1000) if form == "ms" else int(epoch))
