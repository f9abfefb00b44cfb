"""The settings of a panel as text to be taken elsewhere: Python, and a command of a shell."""

from __future__ import annotations

import json
from typing import Any

from ...client import HOSTED_URL
from ...options import FillOptions
from ...request import FILL_PATH
from ..python import SECRET, opening, settings_of


def as_python(options: FillOptions, service: str | None = None) -> str:
    """Return Python that makes a fill with these settings, of picture.png and mask.png.

    Parameters
    ----------
    options
        Those at their defaults are left out; a secret is read from the environment.
    service
        What `fluxfill_nb.connect` is given.

    Examples
    --------
    >>> from fluxfill_nb.options import FillOptions
    >>> print(as_python(FillOptions("a red vase", guidance=30), "local"))
    import fluxfill_nb as ff
    <BLANKLINE>
    client = ff.connect("local")
    image = ff.open_image("picture.png")
    mask = ff.Mask("mask.png")
    result = client.fill(
        image,
        mask,
        prompt="a red vase",
        guidance=30,
    )
    """
    settings = settings_of(options)
    given = ["image", "mask", *(f"{name}={value}" for name, value in settings.items())]
    return "\n".join(
        [
            *opening(service, settings),
            "result = client.fill(",
            *(f"    {argument}," for argument in given),
            ")",
        ]
    )


def as_curl(options: FillOptions) -> str:
    """Return a command that sends picture.png and mask.png with these settings, for bash.

    The key is read from the environment variable BFL_API_KEY, a webhook's secret from
    WEBHOOK_SECRET.

    Examples
    --------
    >>> from fluxfill_nb.options import FillOptions
    >>> "x-key: $BFL_API_KEY" in as_curl(FillOptions("a red vase"))
    True
    """
    settings: dict[str, Any] = options.model_dump(mode="json", exclude_none=True)
    settings.pop("webhook_secret", None)
    lines = [f"  {json.dumps(name)}: {_quoted(value)}" for name, value in settings.items()]
    if options.webhook_secret is not None:
        lines.append(f'  "webhook_secret": "${SECRET}"')
    for name in ("image", "mask"):
        file = "picture.png" if name == "image" else "mask.png"
        lines.append(f"""  "{name}": "$(base64 < {file} | tr -d '\\n')\"""")
    body = ",\n".join(lines)
    return (
        f"curl {HOSTED_URL}{FILL_PATH} \\\n"
        '  -H "x-key: $BFL_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        "  --data-binary @- <<JSON\n"
        f"{{\n{body}\n}}\nJSON\n"
        "# Ask the polling_url of the answer until its status is Ready."
    )


def _quoted(value: Any) -> str:
    """JSON for a here-document, in which the shell still looks for these three."""
    text = json.dumps(value)
    for special in "\\$`":
        text = text.replace(special, f"\\{special}")
    return text
