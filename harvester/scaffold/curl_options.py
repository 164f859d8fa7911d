"""Table of curl's options, and of headers that must not be sent. See curl(1), version 8.

`TAKES` have a value, `FLAGS` do not. Each says what it does to the request, that it is `harmless`
here, that it cannot be honoured (`unheard`), or that no harvest could make such a request
(`refused`).
"""

import re
from typing import Final

from harvester.patterns import pattern

#: Long names of the options that have a value, by what is done with it.
TAKES: Final = {
    "request": "method", "url": "url", "header": "header", "data": "data", "data-ascii": "data",
    "data-raw": "raw", "data-binary": "binary", "data-urlencode": "encoded", "json": "json",
    "url-query": "query", "user": "user", "cookie": "cookie", "user-agent": "agent",
    "referer": "referer", "oauth2-bearer": "bearer", "proxy": "proxy", "cacert": "cacert",
    "max-time": "time", "connect-timeout": "connect",
    **dict.fromkeys(
        ("output", "write-out", "cookie-jar", "dump-header", "trace", "trace-ascii", "stderr",
         "retry", "retry-delay", "retry-max-time", "max-redirs", "output-dir", "keepalive-time",
         "limit-rate", "speed-limit", "speed-time", "max-filesize", "rate", "parallel-max",
         "create-file-mode", "ciphers", "tls-max", "libcurl"), "harmless"),
    **dict.fromkeys(
        ("interface", "noproxy", "dns-servers", "range", "time-cond", "variable", "etag-save",
         "etag-compare", "dns-interface", "dns-ipv4-addr", "dns-ipv6-addr", "doh-url",
         "happy-eyeballs-timeout-ms", "local-port", "tls13-ciphers", "curves", "crlfile",
         "proto", "proto-default", "proto-redir", "hsts",
         "alt-svc"), "unheard"),
    **dict.fromkeys(
        ("form", "form-string", "upload-file", "config", "aws-sigv4", "cert", "key", "cert-type",
         "key-type", "pass", "engine", "capath", "pinnedpubkey", "resolve", "connect-to",
         "unix-socket", "abstract-unix-socket", "request-target", "netrc-file", "proxy-user",
         "proxy-header", "preproxy", "socks4", "socks4a", "socks5", "socks5-hostname",
         "proxy-cert", "proxy-key", "proxy-pass", "proxy-cacert", "proxy1.0", "krb", "delegation",
         "service-name", "proxy-service-name", "socks5-gssapi-service", "sasl-authzid",
         "login-options", "tlsuser", "tlspassword", "tlsauthtype",
         "haproxy-clientip"), "refused"),
}  # fmt: skip

#: Long names of the options without a value.
FLAGS: Final = {
    "get": "get", "head": "unheard", "insecure": "insecure", "netrc": "netrc",
    **dict.fromkeys(
        ("compressed", "location", "location-trusted", "silent", "show-error", "include",
         "verbose", "fail", "fail-with-body", "fail-early", "globoff", "no-buffer", "http1.0",
         "http1.1", "http2", "http2-prior-knowledge", "http3", "ipv4", "ipv6", "progress-bar",
         "no-progress-meter", "remote-name", "remote-header-name", "tlsv1", "tlsv1.2", "tlsv1.3",
         "create-dirs", "no-keepalive", "path-as-is", "tcp-nodelay", "raw", "basic",
         "retry-connrefused", "retry-all-errors", "remote-name-all", "styled-output",
         "no-sessionid", "tcp-fastopen", "ssl-reqd", "parallel", "disable", "junk-session-cookies",
         "trace-time", "post301", "post302", "post303", "show-headers"), "harmless"),
    **dict.fromkeys(("netrc-optional",), "netrc"),
    **dict.fromkeys(("proxy-insecure", "proxy-basic"), "unheard"),
    **dict.fromkeys(
        ("digest", "ntlm", "ntlm-wb", "negotiate", "anyauth", "proxy-digest", "proxy-ntlm",
         "proxy-negotiate", "proxy-anyauth", "socks5-gssapi", "socks5-basic", "haproxy-protocol"),
        "refused"),
    "next": "next",
}  # fmt: skip

SHORT: Final = {
    "X": "request", "H": "header", "d": "data", "u": "user", "b": "cookie", "A": "user-agent",
    "e": "referer", "x": "proxy", "m": "max-time", "o": "output", "w": "write-out",
    "c": "cookie-jar", "D": "dump-header", "F": "form", "T": "upload-file", "K": "config",
    "E": "cert", "r": "range", "z": "time-cond", "U": "proxy-user", "Y": "speed-limit",
    "y": "speed-time",
    "G": "get", "I": "head", "k": "insecure", "n": "netrc", "L": "location", "s": "silent",
    "S": "show-error", "i": "include", "v": "verbose", "f": "fail", "g": "globoff",
    "N": "no-buffer", "0": "http1.0", "4": "ipv4", "6": "ipv6", "#": "progress-bar",
    "O": "remote-name", "J": "remote-header-name", "1": "tlsv1", "q": "disable",
    "j": "junk-session-cookies", "Z": "parallel", ":": "next",
}  # fmt: skip

#: A request that cannot be made as it was meant is not made another way: a password that was to
#: be proven by digest would go over the wire in the clear, and what was to go by a socket or a
#: proxy would go past it.
_NOT_IN_CLEAR: Final = "harvester has no such login, and does not send the password in the clear"
_NO_CERTIFICATE: Final = "a client certificate, which harvester cannot present"
_NOT_THERE: Final = "a way to the server that harvester cannot take"
REFUSALS: Final = {
    "form": "a multipart body, which no harvest sends",
    "form-string": "a multipart body, which no harvest sends",
    "upload-file": "an upload; a harvest only reads",
    "config": "options in a file; write them into the line",
    "aws-sigv4": "a signature of AWS, which harvester cannot make",
    "capath": "a folder of certificates; name one file, with --cacert",
    "pinnedpubkey": "harvester pins no keys; --cacert names the certificate to trust",
    "netrc-file": "write the login into the line, with -u; it does not get into the file",
    "anyauth": "the server would choose how the password is sent; --basic, if it takes that",
    "proxy-user": "put it into the proxy's URL: -x http://$USER:$PASSWORD@host:port",
    "request-target": "a path that is not the URL's, which harvester does not send",
    **dict.fromkeys(
        ("digest", "ntlm", "ntlm-wb", "negotiate", "delegation", "krb", "service-name",
         "sasl-authzid", "login-options", "tlsuser", "tlspassword", "tlsauthtype"), _NOT_IN_CLEAR),
    **dict.fromkeys(
        ("cert", "key", "cert-type", "key-type", "pass", "engine", "proxy-cert", "proxy-key",
         "proxy-pass"), _NO_CERTIFICATE),
    **dict.fromkeys(
        ("resolve", "connect-to", "unix-socket", "abstract-unix-socket", "proxy-header",
         "preproxy", "socks4", "socks4a", "socks5", "socks5-hostname", "proxy-cacert", "proxy1.0",
         "proxy-service-name", "socks5-gssapi-service", "proxy-digest", "proxy-ntlm",
         "proxy-negotiate", "proxy-anyauth", "socks5-gssapi", "socks5-basic", "haproxy-protocol",
         "haproxy-clientip"), _NOT_THERE),
}  # fmt: skip

#: Headers that say nothing to an API: what a browser adds, and what harvester sets itself.
IDLE: Final = pattern(
    r"sec-.*|priority|te|dnt|upgrade-insecure-requests|pragma|cache-control|if-none-match"
    r"|if-modified-since|if-match|if-range|range|expect",
    re.IGNORECASE,
)
USUAL_FORM: Final = r"application/x-www-form-urlencoded\s*(?:;.*)?"
#: curl's -d says form of any body, JSON too.
USUAL_JSON: Final = rf"application/json\s*(?:;\s*charset=utf-?8\s*)?|{USUAL_FORM}"
OWN: Final = ("accept-encoding", "connection", "content-length", "transfer-encoding", "host")
