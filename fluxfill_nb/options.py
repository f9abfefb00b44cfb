"""The settings of a fill: the table of parameters.

`FillFields` is the one definition: the embedded server's checks and its OpenAPI page, the command
line, and every panel and document derive from it.
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, Literal, Self, TypedDict, Unpack, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
)

from .errors import InvalidOption


def _refuse_others(value: Any) -> Any:
    """Refuse what is taken for a number, though nobody means it: True, False, and "0-3" for -3."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not true or false")
    if isinstance(value, str):
        float(value)
    return value


def _encodable(text: str | None) -> str | None:
    """Refuse halves of characters, which neither the service nor a file can be given."""
    if text is not None:
        text.encode()
    return text


_Number = BeforeValidator(_refuse_others)
# How much of a prompt a repr shows.
_LONGEST_PROMPT = 200
_OF_PYDANTIC = frozenset(name for name in dir(BaseModel) if not name.startswith("_"))

Prompt = Annotated[
    str | None,
    Field(description="What belongs into the masked part; may be left empty.", title="Prompt"),
    AfterValidator(_encodable),
]
Steps = Annotated[
    int | None,
    Field(ge=15, le=50, description="Steps of the sampler: more are slower and finer."),
    _Number,
]
PromptUpsampling = Annotated[
    bool | None,
    Field(
        description="Let the service rewrite the prompt for more creative results; a seed alone "
        "does then not repeat a picture."
    ),
]
Seed = Annotated[
    int | None,
    Field(description="The same seed and settings repeat a picture; none: drawn by the service."),
    _Number,
]
Guidance = Annotated[
    float | None,
    Field(
        ge=1.5,
        le=100,
        description="How strongly the prompt rules: low is varied, high is literal. The service's "
        "default is 60, its vendor's own example uses 30.",
    ),
    _Number,
]
OutputFormat = Annotated[
    Literal["jpeg", "png"] | None,
    Field(description="File format of the picture that comes back; PNG is lossless."),
]
SafetyTolerance = Annotated[
    int,
    Field(ge=0, le=6, description="How much moderation lets pass: 0 is strictest, 6 most lenient."),
    _Number,
]
WebhookUrl = Annotated[
    HttpUrl | None, Field(description="Address that the service calls when the picture is ready.")
]
WebhookSecret = Annotated[
    SecretStr | None, Field(description="With it the service proves that a call is its own.")
]


class FillKeywords(TypedDict, total=False):
    """The settings as keywords, for signatures; their rules are those of `FillFields`."""

    steps: Steps
    prompt_upsampling: PromptUpsampling
    seed: Seed
    guidance: Guidance
    output_format: OutputFormat
    safety_tolerance: SafetyTolerance
    webhook_url: WebhookUrl | str
    webhook_secret: WebhookSecret | str


class FillFields(BaseModel):
    """The table of parameters: names, types, ranges, defaults, descriptions.

    From the service's published contract for ``POST /v1/flux-pro-1.0-fill``. ``None`` stands for
    the service's default.
    """

    model_config = ConfigDict(frozen=True)

    prompt: Prompt = ""
    steps: Steps = 50
    prompt_upsampling: PromptUpsampling = False
    seed: Seed = None
    guidance: Guidance = 60.0
    output_format: OutputFormat = "jpeg"
    safety_tolerance: SafetyTolerance = 2
    webhook_url: WebhookUrl = None
    webhook_secret: WebhookSecret = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Sign with types as people write them; pydantic shows how it checks them."""
        plain = get_type_hints(FillKeywords)

        def parameter(given: Parameter) -> Parameter:
            return given.replace(annotation=plain.get(given.name, given.annotation))

        parameters = cls.__signature__.parameters.values()
        cls.__signature__ = Signature([parameter(given) for given in parameters])


class FillOptions(FillFields):
    """All settings of a fill, checked: everything but picture and mask.

    Parameters
    ----------
    prompt : str or None
        What belongs into the masked part. Default empty.
    steps : int or None
        15 to 50, default 50.
    prompt_upsampling : bool or None
        Let the service rewrite the prompt, default False.
    seed : int or None
        For reproducibility; default None, drawn by the service.
    guidance : float or None
        1.5 to 100, default 60.
    output_format : {'jpeg', 'png'} or None
        Default 'jpeg'.
    safety_tolerance : int
        0 (strictest) to 6, default 2.
    webhook_url, webhook_secret : str or None
        Where to call when the picture is ready, and how the service proves that it is the caller.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        Names each wrong or unknown setting, its value, and its range.

    Examples
    --------
    >>> from fluxfill_nb.options import FillOptions
    >>> FillOptions(prompt="a red vase", guidance=30).steps
    50
    >>> FillOptions(steps=5)
    Traceback (most recent call last):
    ...
    fluxfill_nb.errors.InvalidOption: steps is 5: it must be a whole number from 15 to 50, or None.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def __init__(self, prompt: str | None = "", **options: Unpack[FillKeywords]) -> None:
        _create(super().__init__, {"prompt": prompt, **options})

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:  # pydantic's own error would show the value, which may be a secret
            raise AttributeError(
                f"{type(self).__name__} is frozen: make another one, as request.replace({name}=…) "
                "does."
            )

    def __dir__(self) -> list[str]:
        # What pydantic adds is there, but need not be offered for completion.
        return [name for name in super().__dir__() if name not in _OF_PYDANTIC]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings, in the contract's order."""
        return tuple(FillFields.model_fields)

    @classmethod
    def rule(cls, name: str) -> str:
        """Return in words what a setting may be.

        Parameters
        ----------
        name
            Of the setting, such as ``"guidance"``.

        Examples
        --------
        >>> from fluxfill_nb.options import FillOptions
        >>> FillOptions.rule("guidance")
        'a number from 1.5 to 100, or None'
        """
        if name not in cls.names():
            raise InvalidOption(_problem(name, {}))
        return _rule(FillFields.model_json_schema()["properties"][name])

    @property
    def is_repeatable(self) -> bool:
        """Whether the service would make the same picture again: a seed, no rewritten prompt."""
        return self.seed is not None and not self.prompt_upsampling

    def resolved(self) -> FillOptions:
        """Return the settings with every None replaced by its default, and a seed drawn if none is.

        Examples
        --------
        >>> from fluxfill_nb.options import FillOptions
        >>> FillOptions(steps=None, seed=7).resolved().steps
        50
        """
        values = self._with_defaults()
        if values["seed"] is None:
            values["seed"] = secrets.randbelow(2**31)
        return FillOptions(**values)

    def _with_defaults(self) -> dict[str, Any]:
        return {
            name: field.default if getattr(self, name) is None else getattr(self, name)
            for name, field in FillFields.model_fields.items()
        }

    def _changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults."""
        return {
            name: getattr(self, name)
            for name, field in FillFields.model_fields.items()
            if getattr(self, name) != field.default
        }

    def __replace__(self, **changes: Any) -> Self:
        """For ``copy.replace``, of Python 3.13: pydantic's own would check nothing."""
        return type(self)(**{name: getattr(self, name) for name in self.names()} | changes)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show what differs from the defaults only, and nothing that an address may hide."""
        for name, value in self._changed().items():
            if name == "webhook_url":
                value = f"{value.scheme}://{value.host}/…"
            elif isinstance(value, str) and len(value) > _LONGEST_PROMPT:
                value = f"{value[:_LONGEST_PROMPT]}…"
            yield name, value


_TYPES = {"integer": "a whole number", "number": "a number", "boolean": "True or False"}


def _create(init: Any, values: dict[str, Any]) -> None:
    """Let pydantic check the values; turn its report into one for people."""
    for name, value in values.items():
        if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
            values[name] = value.item()  # NumPy's numbers, as sweeps over arrays give them
    try:
        init(**values)
    except ValidationError as error:
        problems = [_problem(str(problem["loc"][0]), values) for problem in error.errors()]
        raise InvalidOption("\n".join(dict.fromkeys(problems))) from None


def _problem(name: str, values: dict[str, Any]) -> str:
    names = FillOptions.names()
    if name not in names:
        known = [known for known in (*names, "image", "mask") if known != name]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
        return f"There is no setting {name!r}: {hint}"
    value = values[name]
    if name.startswith("webhook"):
        shown = "is not valid"  # may hold a secret
    else:
        text = repr(value)
        shown = f"is {text if len(text) <= 80 else text[:77] + '…'}"
    return f"{name} {shown}: it must be {FillOptions.rule(name)}."


def _rule(schema: dict[str, Any]) -> str:
    """Put a JSON schema of one value into words."""
    if "anyOf" in schema:
        parts = [_rule(part) for part in schema["anyOf"] if part.get("type") != "null"]
        return " or ".join(parts) + ", or None"
    if "enum" in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    if schema.get("format") == "uri":
        return f"an http or https address of up to {schema['maxLength']} characters"
    text = _TYPES.get(schema["type"], "text")
    if "minimum" in schema:
        text += f" from {schema['minimum']:g} to {schema['maximum']:g}"
    return text
