"""Gets tokens by the login of a person who typed in a code (RFC 8628)."""

from harvester.auth.oauth2_login import LoginScheme
from harvester.config import OAuth2DeviceCode


class DeviceCode(LoginScheme[OAuth2DeviceCode], options=OAuth2DeviceCode):
    """`type: oauth2_device_code`."""
