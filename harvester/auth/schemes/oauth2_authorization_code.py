"""Gets tokens by the login of a person in a browser (RFC 6749, section 4.1)."""

from harvester.auth.oauth2_login import LoginScheme
from harvester.config import OAuth2AuthorizationCode


class AuthorizationCode(LoginScheme[OAuth2AuthorizationCode], options=OAuth2AuthorizationCode):
    """`type: oauth2_authorization_code`."""
