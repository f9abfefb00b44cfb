"""Who fills, in words and in code."""

from __future__ import annotations


def kind_of(service: str) -> str | None:
    """Return what `fluxfill_nb.connect` is given for a client's service; None for others."""
    if service.endswith("bfl.ai"):
        return "hosted"
    return "local" if service.startswith("local engine") else None


def introduced(service: str | None, *, asks: bool = True) -> str:
    """Return who fills, and what is to be known of it; None is the hosted one without its key.

    ``asks`` says whether a key can be typed beside it.
    """
    if service is None:
        return "The hosted service needs a key: type it under Service."
    if service == "local engine: patches":
        typed = ", or typed under Service" if asks else ""
        return (
            "Local engine: patches, which copies parts of the picture itself and is no FLUX. With "
            f"a key in BFL_API_KEY{typed}, the hosted model fills."
        )
    if kind_of(service) == "hosted":
        return "The hosted FLUX.1 Fill [pro] fills."
    return f"{service[:1].upper()}{service[1:]} fills."
