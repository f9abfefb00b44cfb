"""What went wrong, in one line."""

from __future__ import annotations

from ..errors import FluxFillError


def told(error: Exception) -> str:
    """Return an error as one line: ours speak for themselves, others with their kind."""
    text = " ".join(str(error).split())
    known = isinstance(error, FluxFillError) and text
    return text if known else f"{type(error).__name__}: {text}".rstrip(": ")
