"""Asks for a token on the program's own behalf (RFC 6749, section 4.4)."""

from harvester.auth.oauth2 import OAuth2Scheme
from harvester.config import OAuth2ClientCredentials


class ClientCredentials(OAuth2Scheme[OAuth2ClientCredentials], options=OAuth2ClientCredentials):
    """`type: oauth2_client_credentials`."""

    grant_type = "client_credentials"
