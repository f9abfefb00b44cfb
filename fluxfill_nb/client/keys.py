"""The API key: where it comes from, and who may see it."""

from __future__ import annotations

import getpass
import os
import re

import httpx
from pydantic import SecretStr

from ..errors import InvalidOption, MissingKey

VARIABLE = "BFL_API_KEY"
"""The environment variable that holds the hosted service's key."""

_HOSTS = re.compile(r"([a-z0-9-]+\.)*bfl\.ai")

_typed: SecretStr | None = None


def login() -> None:
    """Ask for the hosted service's API key, for all clients that this process makes from now on.

    What is typed is not shown, and is kept in memory only: neither in the environment, nor in the
    notebook. It wins over the environment variable BFL_API_KEY.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        Nothing was typed, or what cannot be a key.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> ff.login()  # doctest: +SKIP
    API key of the hosted service:
    >>> ff.connect()  # doctest: +SKIP
    <FluxFill: api.bfl.ai, $0.05 a fill>
    """
    global _typed
    key = getpass.getpass("API key of the hosted service: ").strip()
    if not key:
        raise InvalidOption("No key was typed; the service that is used stays as it was.")
    _typed = _checked(key)


def hosted_key() -> SecretStr | None:
    """Return the key that was typed, else the environment's, else None."""
    from_environment = os.environ.get(VARIABLE, "").strip()
    return _typed or (SecretStr(from_environment) if from_environment else None)


def key_for(base: httpx.URL, given: str | None, *, required: bool) -> SecretStr:
    """Return the key to use for a service; empty if there is none.

    A key that was not given for this very service is the hosted service's, and goes nowhere else.

    Raises
    ------
    fluxfill_nb.errors.MissingKey
        The service is the hosted one, a key is required, and there is none.
    fluxfill_nb.errors.InvalidOption
        It has characters that no key has.
    """
    if given is not None:
        key: SecretStr | None = SecretStr(given.strip())
    else:
        key = hosted_key() if is_hosted(base) else None
    if not key and required and is_hosted(base):
        raise MissingKey(
            f"{base.host} needs an API key. Set the environment variable {VARIABLE}, give "
            'api_key=, or call fluxfill_nb.login(); or do without: fluxfill_nb.connect("local").'
        )
    return _checked(key.get_secret_value()) if key else SecretStr("")


def _checked(key: str) -> SecretStr:
    """Refuse what cannot be sent: httpx would, with the key in its error."""
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidOption(
            "The API key has a blank, a line break or another character that no key has. "
            "Was something else copied along with it?"
        )
    return SecretStr(key)


def is_hosted(url: httpx.URL) -> bool:
    """Whether an address is one of the hosted service's."""
    return url.scheme == "https" and _HOSTS.fullmatch(url.host) is not None


def may_see(url: httpx.URL, base: httpx.URL) -> bool:
    """Whether the key of the service at ``base`` may be sent to an address.

    To the service itself; and among the hosted service's hosts, as its tasks live in regions.
    """
    same = (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)
    return same or (is_hosted(url) and is_hosted(base))
