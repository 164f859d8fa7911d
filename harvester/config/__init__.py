"""Turns the YAML into frozen, checked values; names every problem with file, line and key.

Read in this order: `models` mirrors the YAML (`client`, `resource`, `auth_forms`, `paginators`,
`response_actions`, `partition_forms` are its larger sections, `options` and `request_options` the
kinds of value an option takes; `resource_faults` says which keys do not go together); `yamlfile`
and `overrides` make a `document` of the text, a tree with places; `load` runs all checks
(`references` among them) and `explain` and `wording` put what they find into words; `schema` says
the same to editors. No other package imports pydantic or YAML.
"""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.config.auth_forms import (
        AUTH_OPTIONS,
        Auth,
    )
    from harvester.config.auth_options import (
        AuthOptions,
        RenewableOptions,
    )
    from harvester.config.client import (
        AllowedHost,
        Budget,
        Client,
        Limits,
        Retry,
        Timeout,
    )
    from harvester.config.coming_back import (
        Incremental,
    )
    from harvester.config.embedded import (
        Embedded,
        Inside,
    )
    from harvester.config.folder import (
        folder_named_in,
    )
    from harvester.config.formats import (
        CsvFormat,
        FormatConfig,
        FormatOptions,
        JsonFormat,
        JsonLinesFormat,
        RawFormat,
        XmlFormat,
    )
    from harvester.config.growth import (
        changed_partitions,
    )
    from harvester.config.handing_over import (
        Written,
        with_environment,
        with_secrets,
        written_out,
    )
    from harvester.config.hmac_auth import (
        Hmac,
    )
    from harvester.config.job import (
        JOB,
        Job,
        JobCreate,
        JobDownload,
        JobPoll,
    )
    from harvester.config.lint import (
        lints,
    )
    from harvester.config.load import (
        load_config,
        parse_config,
        parse_resolved,
        reopen,
    )
    from harvester.config.login_auth import (
        OAuth2AuthorizationCode,
        OAuth2DeviceCode,
        OAuth2Login,
    )
    from harvester.config.models import (
        AnyResource,
        Config,
    )
    from harvester.config.output import (
        Concurrency,
        Output,
    )
    from harvester.config.paginators import (
        PAGINATORS,
        Cursor,
        CursorOptions,
        HeaderCursor,
        HeaderLink,
        JobFiles,
        JsonLink,
        Keyset,
        LinkOptions,
        Offset,
        PageNumber,
        PaginatorConfig,
        PagingOptions,
        RestartAfter,
        SinglePage,
        TokenOptions,
    )
    from harvester.config.quantities import (
        seconds,
    )
    from harvester.config.question import (
        Change,
        changed_shapes,
        changed_values,
        digested,
        fingerprint,
        fingerprints,
        fits,
        former_fingerprints,
        salt_of,
        shapes,
    )
    from harvester.config.references import (
        references_in,
    )
    from harvester.config.resource import (
        NextRequest,
        Resource,
    )
    from harvester.config.response_actions import (
        HeaderWhen,
        ResponseAction,
        When,
    )
    from harvester.config.schema import (
        json_schema,
    )
    from harvester.config.secret_text import (
        SecretText,
        secret_options,
    )
    from harvester.config.static_auth import (
        ApiKey,
        AwsSigV4,
        Bearer,
        HttpBasic,
        HttpDigest,
        OAuth1,
    )
    from harvester.config.token_auth import (
        JwtBearer,
        LoginRequest,
        OAuth2ClientCredentials,
        OAuth2RefreshToken,
        SessionToken,
    )
    from harvester.config.variables import (
        hidden,
        looks_secret,
    )
    from harvester.config.wording import (
        dotted,
        listed,
        unknown,
    )
    from harvester.config.yamlfile import (
        read,
    )


__all__ = [
    "AUTH_OPTIONS",
    "JOB",
    "PAGINATORS",
    "AllowedHost",
    "AnyResource",
    "ApiKey",
    "Auth",
    "AuthOptions",
    "AwsSigV4",
    "Bearer",
    "Budget",
    "Change",
    "Client",
    "Concurrency",
    "Config",
    "CsvFormat",
    "Cursor",
    "CursorOptions",
    "Embedded",
    "FormatConfig",
    "FormatOptions",
    "HeaderCursor",
    "HeaderLink",
    "HeaderWhen",
    "Hmac",
    "HttpBasic",
    "HttpDigest",
    "Incremental",
    "Inside",
    "Job",
    "JobCreate",
    "JobDownload",
    "JobFiles",
    "JobPoll",
    "JsonFormat",
    "JsonLinesFormat",
    "JsonLink",
    "JwtBearer",
    "Keyset",
    "Limits",
    "LinkOptions",
    "LoginRequest",
    "NextRequest",
    "OAuth1",
    "OAuth2AuthorizationCode",
    "OAuth2ClientCredentials",
    "OAuth2DeviceCode",
    "OAuth2Login",
    "OAuth2RefreshToken",
    "Offset",
    "Output",
    "PageNumber",
    "PaginatorConfig",
    "PagingOptions",
    "RawFormat",
    "RenewableOptions",
    "Resource",
    "ResponseAction",
    "RestartAfter",
    "Retry",
    "SecretText",
    "SessionToken",
    "SinglePage",
    "Timeout",
    "TokenOptions",
    "When",
    "Written",
    "XmlFormat",
    "changed_partitions",
    "changed_shapes",
    "changed_values",
    "digested",
    "dotted",
    "fingerprint",
    "fingerprints",
    "fits",
    "folder_named_in",
    "former_fingerprints",
    "hidden",
    "json_schema",
    "lints",
    "listed",
    "load_config",
    "looks_secret",
    "parse_config",
    "parse_resolved",
    "read",
    "references_in",
    "reopen",
    "salt_of",
    "seconds",
    "secret_options",
    "shapes",
    "unknown",
    "with_environment",
    "with_secrets",
    "written_out",
]


__getattr__ = names_of(
    __name__,
    {
        "auth_forms": "AUTH_OPTIONS Auth",
        "auth_options": "AuthOptions RenewableOptions",
        "client": "AllowedHost Budget Client Limits Retry Timeout",
        "coming_back": "Incremental",
        "embedded": "Embedded Inside",
        "folder": "folder_named_in",
        "formats": "CsvFormat FormatConfig FormatOptions JsonFormat JsonLinesFormat "
        "RawFormat XmlFormat",
        "growth": "changed_partitions",
        "handing_over": "Written with_environment with_secrets written_out",
        "hmac_auth": "Hmac",
        "job": "JOB Job JobCreate JobDownload JobPoll",
        "lint": "lints",
        "load": "load_config parse_config parse_resolved reopen",
        "login_auth": "OAuth2AuthorizationCode OAuth2DeviceCode OAuth2Login",
        "models": "AnyResource Config",
        "output": "Concurrency Output",
        "paginators": "PAGINATORS Cursor CursorOptions HeaderCursor HeaderLink JobFiles JsonLink "
        "Keyset LinkOptions Offset PageNumber PaginatorConfig PagingOptions RestartAfter "
        "SinglePage TokenOptions",
        "quantities": "seconds",
        "question": "Change changed_shapes changed_values digested fingerprint "
        "fingerprints fits former_fingerprints salt_of shapes",
        "references": "references_in",
        "resource": "NextRequest Resource",
        "response_actions": "HeaderWhen ResponseAction When",
        "schema": "json_schema",
        "secret_text": "SecretText secret_options",
        "static_auth": "ApiKey AwsSigV4 Bearer HttpBasic HttpDigest OAuth1",
        "token_auth": "JwtBearer LoginRequest OAuth2ClientCredentials OAuth2RefreshToken "
        "SessionToken",
        "variables": "hidden looks_secret",
        "wording": "dotted listed unknown",
        "yamlfile": "read",
    },
)
