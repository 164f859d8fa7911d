"""Explains failures of certificates and TLS, which no second try mends.

A certificate that is not trusted now will not be in a minute. So each of these is told at once,
with the key that would mend it.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harvester.config import Client
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
_OWN: Final = "client: {client_certificate: FILE, client_key: FILE}"
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
            if "CERTIFICATE_REQUIRED" in reason:
                return f"the server wants a certificate of this client: {_OWN}"
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


def certificate_of(client: Client) -> tuple[str, str] | None:
    """The files of the client's own certificate and its key; None where it has none. Raises
    `ConfigError` where they are not that, before anything is sent.
    """
    path = client.client_certificate
    if path is None:
        return None
    key = client.client_key or path
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        for file in (path, key):
            with Path(file).open("rb"):
                pass
        context.load_cert_chain(path, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"the key in {key} is that of another certificate (client_key)"
        else:
            why = f"no certificate in PEM form with its private key (client_key: {key})"
        raise ConfigError(f"client.client_certificate: {path}: {why}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        told = getattr(error, "filename", None) or key
        raise ConfigError(f"client.client_certificate: {told}: {why}") from error
    return path, key


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase, which nobody is asked for; take it off")
