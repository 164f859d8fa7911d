"""Curl's options as data, and the headers that are nobody's to send. See curl(1), version 8.

`TAKES` have a value, `FLAGS` do not. Each says what it does to the request, that it is `harmless`
here, that it cannot be honoured (`unheard`), or that no harvest could make such a request.
"""

import re
from typing import Final

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
        ("cert", "key", "cert-type", "key-type", "pass", "capath", "resolve", "connect-to",
         "interface", "unix-socket", "proxy-user", "socks5", "socks5-hostname", "noproxy",
         "dns-servers", "range", "time-cond", "request-target", "netrc-file", "proxy-header",
         "preproxy", "variable", "etag-save", "etag-compare", "pinnedpubkey"), "unheard"),
    **dict.fromkeys(
        ("form", "form-string", "upload-file", "config", "aws-sigv4"), "refused"),
}  # fmt: skip

#: Long names of the options without a value.
FLAGS: Final = {
    "get": "get", "head": "unheard", "insecure": "insecure", "netrc": "netrc",
    **dict.fromkeys(
        ("compressed", "location", "location-trusted", "silent", "show-error", "include",
         "verbose", "fail", "fail-with-body", "fail-early", "globoff", "no-buffer", "http1.0",
         "http1.1", "http2", "http2-prior-knowledge", "http3", "ipv4", "ipv6", "progress-bar",
         "no-progress-meter", "remote-name", "remote-header-name", "tlsv1", "tlsv1.2", "tlsv1.3",
         "create-dirs", "no-keepalive", "path-as-is", "tcp-nodelay", "raw", "basic", "anyauth",
         "retry-connrefused", "retry-all-errors", "remote-name-all", "styled-output",
         "no-sessionid", "tcp-fastopen", "ssl-reqd", "parallel", "disable", "junk-session-cookies",
         "trace-time", "post301", "post302", "post303", "show-headers"), "harmless"),
    **dict.fromkeys(("netrc-optional",), "netrc"),
    **dict.fromkeys(("digest", "ntlm", "negotiate", "proxy-insecure"), "unheard"),
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

REFUSALS: Final = {
    "form": "a multipart body, which no harvest sends",
    "form-string": "a multipart body, which no harvest sends",
    "upload-file": "an upload; a harvest only reads",
    "config": "options in a file; write them into the line",
    "aws-sigv4": "a signature of AWS, which harvester cannot make",
}

#: Headers that say nothing to an API: what a browser adds, and what harvester sets itself.
IDLE: Final = re.compile(
    r"sec-.*|priority|te|dnt|upgrade-insecure-requests|pragma|cache-control|if-none-match"
    r"|if-modified-since|if-match|if-range|range|expect",
    re.IGNORECASE,
)
USUAL_FORM: Final = r"application/x-www-form-urlencoded\s*(?:;.*)?"
#: curl's -d says form of any body, JSON too.
USUAL_JSON: Final = rf"application/json\s*(?:;\s*charset=utf-?8\s*)?|{USUAL_FORM}"
OWN: Final = ("accept-encoding", "connection", "content-length", "transfer-encoding", "host")
