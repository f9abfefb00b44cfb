"""What to say when a store cannot be used."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError


def cannot_write(folder: Path, error: OSError) -> StoreError:
    """Return the error that says what to do."""
    return StoreError(
        f"The store {str(folder)!r} cannot be written ({error.strerror or error}). Nothing was "
        "sent. Make room or choose another folder, RunStore('…'), or go without, store=None."
    )


def cannot_read(folder: Path, error: OSError) -> StoreError:
    """Return the error that says what to do."""
    return StoreError(
        f"The store {str(folder)!r} cannot be read ({error.strerror or error}), so nobody knows "
        "what was paid for. Nothing was sent. Choose another folder, RunStore('…'), or go without, "
        "store=None."
    )
