"""Decides where a request may go, and what is never written down."""

from harvester.security.origins import (
    Origin,
    Origins,
    origin_of,
    resolve,
)
from harvester.security.redaction import (
    SHORTEST,
    Secrets,
    is_secret_name,
    masked_url,
    redact_all,
    written_in,
)

__all__ = [
    "SHORTEST",
    "Origin",
    "Origins",
    "Secrets",
    "is_secret_name",
    "masked_url",
    "origin_of",
    "redact_all",
    "resolve",
    "written_in",
]
