"""Signs each request as AWS wants it (Signature Version 4), with botocore."""

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Final

from harvester.auth.scheme import StaticScheme
from harvester.config import AwsSigV4
from harvester.errors import ConfigError
from harvester.http import Credentials, Signature
from harvester.values import dataclass

#: What is signed besides what botocore adds: what AWS wants signed, and nothing that may change on
#: the way. Which operation is asked for stands in X-Amz-Target.
_SIGNED: Final = ("content-type", "x-amz-")


class AwsSignature(StaticScheme[AwsSigV4], options=AwsSigV4):
    """`type: aws_sigv4`."""

    def credentials(self) -> Credentials:
        """The signature, made anew each time that a request leaves."""
        try:
            from botocore.auth import S3SigV4Auth, SigV4Auth  # an extra, and it takes time to load
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials as Keys
        except ImportError:
            raise ConfigError(
                "auth: aws_sigv4 needs a library to sign with: pip install 'api-harvester[aws]'"
            ) from None
        options = self.options
        token = options.session_token
        keys = Keys(
            self.text(options.access_key_id),
            self.text(options.secret_access_key),
            None if token is None else self.text(token),
        )
        kind = S3SigV4Auth if options.service == "s3" else SigV4Auth
        signer = kind(keys, options.service, self.text(options.region))
        return Credentials(sign=_Signer(signer.add_auth, AWSRequest))

    def derived(self) -> Iterator[str]:
        """Nothing: a signature is good for one request."""
        return iter(())


@dataclass(frozen=True)
class _Signer(Signature):
    add_auth: Callable[[Any], None] = field(repr=False)
    request: Callable[..., Any] = field(repr=False)

    def __call__(self, prepared: Any) -> Any:
        """Sign what is to be sent."""
        headers = {
            name: text
            for name, text in prepared.headers.items()
            if name.lower().startswith(_SIGNED)
        }
        asked = self.request(prepared.method, prepared.url, headers, prepared.body or b"")
        self.add_auth(asked)
        prepared.headers.update(dict(asked.headers.items()))
        return prepared
