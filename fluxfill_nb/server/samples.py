"""Signed addresses of finished pictures: whoever has one may fetch the picture, for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode

VALID_FOR = 600
"""How long an address is valid, s, as on the hosted service."""


class Signer:
    """Signs the addresses of one server's pictures, with a secret that ends with the process."""

    def __init__(self, valid_for: int = VALID_FOR) -> None:
        self._secret = secrets.token_bytes(32)
        self._valid_for = valid_for

    def query(self, job_id: str) -> str:
        """Return the query of a freshly signed address."""
        expires = int(time.time()) + self._valid_for
        return urlencode({"expires": expires, "signature": self._signature(job_id, expires)})

    def is_valid(self, job_id: str, expires: int, signature: str) -> bool:
        """Whether the signature is this server's, and has not expired."""
        expected = self._signature(job_id, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and expires > time.time()

    def _signature(self, job_id: str, expires: int) -> str:
        return hmac.new(self._secret, f"{job_id} {expires}".encode(), hashlib.sha256).hexdigest()
