"""URIs of stores without what is secret in them: fit to be printed, logged, or typed again."""

from __future__ import annotations

import re
from urllib.parse import unquote

# Compiled at first use: most commands use none of them.
# A password may hold any character but those that end it: all up to the last @ is the login.
_PASSWORD = r"(?i)(?<![a-z0-9+])[a-z0-9+]+://[^/\s:@]*:[^/\s]+@"  # noqa: S105 - a pattern
_SECRET = r"(?i)pass|pwd|secret|token|credential|access_?key|api_?key|signature"  # noqa: S105 - a pattern
_QUERY = r"(?i)[a-z0-9+]+://[^\s?]*\?([^\s#]*)"


def has_password(text: str) -> bool:
    """Whether a text, a URI or one that holds some, has a password in a URI, before its host or in its query."""
    queries = (part for query in re.findall(_QUERY, text) for part in query.split("&"))
    return re.search(_PASSWORD, text) is not None or any("=" in part and _is_secret(part) for part in queries)


def public_uri(uri: str) -> str:
    """The URI without user, password, token, query or fragment: fit to be printed and logged."""
    if "://" not in uri:
        return uri
    start, _, location = _parts(uri)
    location = location.partition("?")[0]
    # A file's name may hold a # as well.
    return start + (location if _is_sqlite(start) else location.partition("#")[0])


def without_password(uri: str) -> str:
    """The URI with its user but without passwords and tokens, in its query too."""
    start, login, location = _parts(uri)
    location, question, query = location.partition("?")
    kept = [part for part in query.split("&") if part and not _is_secret(part)]
    location += question + "&".join(kept) if kept else ""
    return start + login.partition(":")[0] + ("@" if login else "") + location


def typed_uri(uri: str) -> str:
    """A store's URI as it can be typed again: whole, but for passwords and tokens."""
    return public_uri(uri) if is_server(uri) else without_password(uri)


def scrub(text: str, uri: str) -> str:
    """A message with the URI's secrets taken out."""
    text = text.replace(uri, public_uri(uri))
    _, separator, query = uri.partition("?")
    password = _parts(uri)[1].partition(":")[2]
    for secret in filter(None, (password, unquote(password), query if separator else "")):
        text = text.replace(secret, "***")
    return text


def is_server(uri: str) -> bool:
    """Whether an MLflow server answers at the URI, rather than a database that is opened from here."""
    return uri.startswith(("http://", "https://"))


def _parts(uri: str) -> tuple[str, str, str]:
    """`scheme://`, the login before the @ and the rest; what there is none of is empty."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return "", "", uri
    if _is_sqlite(scheme):  # a file's name may hold an @ as well
        return f"{scheme}://", "", rest
    login, _, location = rest.rpartition("@")
    return f"{scheme}://", login, location


def _is_sqlite(scheme: str) -> bool:
    return scheme.partition("://")[0].partition("+")[0] == "sqlite"


def _is_secret(parameter: str) -> bool:
    name = parameter.partition("=")[0]
    return re.search(_SECRET, name) is not None and name != "passfile"
