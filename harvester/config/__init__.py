"""The YAML as frozen, checked values; every problem at once, with file, line and key.

Read in this order: `models` mirrors the YAML (`client`, `auth_forms`, `paginators`,
`response_actions`, `partition_forms` are its larger sections, `options` and `request_options` the
kinds of value an option takes); `yamlfile` and `overrides` make a `document` of the text, a tree
with places; `load` runs all checks (`references` among them) and `explain` and `wording` put what
they find into words; `schema` says the same to editors. The only room that knows pydantic and YAML.
"""

from harvester.config.client import Limits
from harvester.config.models import (
    AllowedHost,
    ApiKey,
    Auth,
    Bearer,
    Budget,
    Client,
    Concurrency,
    Config,
    Cursor,
    HeaderCursor,
    HeaderLink,
    HeaderWhen,
    HttpBasic,
    Incremental,
    JsonLink,
    Keyset,
    LoginRequest,
    NextRequest,
    OAuth1,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    Offset,
    Output,
    PageNumber,
    Paginator,
    Renewable,
    Resource,
    ResponseAction,
    Retry,
    SessionToken,
    SinglePage,
    Timeout,
    When,
)

__all__ = [
    "AllowedHost", "ApiKey", "Auth", "Bearer", "Budget", "Client", "Concurrency", "Config",
    "Cursor", "HeaderCursor", "HeaderLink", "HeaderWhen", "HttpBasic", "Incremental", "JsonLink",
    "Keyset", "Limits", "LoginRequest", "NextRequest", "OAuth1", "OAuth2ClientCredentials",
    "OAuth2RefreshToken", "Offset", "Output", "PageNumber", "Paginator", "Renewable", "Resource",
    "ResponseAction", "Retry", "SessionToken", "SinglePage", "Timeout", "When",
]  # fmt: skip
