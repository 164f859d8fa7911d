"""Explains failures of certificates and TLS, which no second try mends.

A certificate that is not trusted now will not be in a minute. So each of these is told at once,
with the key that would mend it.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError

#: What OpenSSL says where the other side speaks no TLS at all,
_NO_TLS: Final = (
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
)  # fmt: skip
#: and a TLS that does not suit this one.
_NO_AGREEMENT: Final = (
    "ALERT_HANDSHAKE_FAILURE", "ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS",
    "ALERT_INSUFFICIENT_SECURITY", "NO_CIPHERS_AVAILABLE", "DH_KEY_TOO_SMALL", "UNRECOGNIZED_NAME",
    "UNSAFE_LEGACY_RENEGOTIATION", "CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA", "ALERT_ACCESS_DENIED", "WRONG_SIGNATURE_TYPE", "EE_KEY_TOO_SMALL",
)  # fmt: skip
_EXPIRED: Final = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and …_HAS_EXPIRED
_OTHER_NAME: Final = (62, 63, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and its like


def tls_trouble(causes: Sequence[BaseException]) -> str | None:
    """What is wrong with the TLS of a failed connection, in words; None where that is not it."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(cause)
    for cause in causes:
        reason = str(getattr(cause, "reason", None)) if isinstance(cause, ssl.SSLError) else ""
        if any(name in reason for name in _NO_TLS):
            return (
                "what answers there speaks no TLS: is the port right, or must the URL begin "
                "with http:// (base_url)?"
            )
        if any(name in reason for name in _NO_AGREEMENT):
            return f"the server and this machine agree on no TLS: {reason.lower()}"
    return None


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    message = f"the server's certificate is not trusted: {error.verify_message}"
    if error.verify_code in _OTHER_NAME:
        return f"{message}; it belongs to another host: is base_url right?"
    if error.verify_code in _EXPIRED:
        return f"{message}; is this machine's clock right?"
    return f"{message}; if it is right, name the file of its authority: client: {{ca_bundle: FILE}}"


def check_bundle(path: str) -> None:
    """Raise `ConfigError` where `ca_bundle` is no file of certificates, before anything is sent."""
    try:
        if Path(path).is_dir():
            return
        with Path(path).open("rb"):
            pass
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        why = "holds no certificate in PEM form"
        raise ConfigError(f"client.ca_bundle: {path}: {why}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"client.ca_bundle: {path}: {why}") from error
