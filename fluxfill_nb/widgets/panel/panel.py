"""The parameter panel: all settings of a fill, in a notebook."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection
from typing import Any

from pydantic import SecretStr
from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, Instance, Unicode, observe, validate

from ... import services
from ...client import FluxFill, hosted_key
from ...errors import InvalidOption, MissingKey, NotAuthenticated
from ...options import FillOptions
from ...request import USD_PER_CREDIT, USD_PER_FILL
from ..faults import Steady, logger
from ..parts import Whole
from ..service import kind_of
from ..signed import signed
from . import code, frame, table
from .fields import PRESET_FIELDS, PRESETS, fields

_SEEDS = 2**31


@signed
class ParameterPanel(Whole, Steady):
    """Set what a fill is made with: sliders and fields for all that there is.

    The panel shows ``options``, and sets it. What its buttons do, its methods do too.

    Parameters
    ----------
    options
        To begin with. One of a subclass shows the fields of the subclass.
    client
        Where the fills are to go, for the price and the credits that are left. None: the panel says
        what `fluxfill_nb.connect` would choose.

    Attributes
    ----------
    options
        The settings: read, assign or observe them. A seed that is assigned is locked.
    seed_locked
        Whether the next fill has the seed that is shown; else `next_options` draws one.
    problems
        What is typed but cannot be used: the setting's name, and the rule that it breaks.
        ``options`` keeps the last value that could.
    client
        Where the fills go; None if the hosted service is chosen and its key is missing, or if the
        panel was given none.
    service
        "hosted", "local", or the name of another one.
    credits
        What is left on the hosted service; None if it is not known.
    needs_key
        Whether a field for the key is shown.
    explained, advanced
        Whether each field is explained below it, and whether those for few people are shown.
    code
        What is shown to be copied: "python", "curl", or nothing.
    error
        What went wrong last.

    Examples
    --------
    >>> from fluxfill_nb.widgets.panel import ParameterPanel
    >>> panel = ParameterPanel()
    >>> panel.update(prompt="a red vase", guidance=30)
    >>> panel.options
    FillOptions(prompt='a red vase', guidance=30.0)
    >>> panel.preset("draft")
    >>> panel.options.steps
    15
    """

    # None of them is synchronized: a secret in `options` never gets to the page.
    options = Instance(FillOptions)
    seed_locked = Bool(False)
    problems = Dict()
    client = AnyTrait(None)
    service = Unicode("local")
    credits = Float(None, allow_none=True)
    needs_key = Bool(False)
    explained = Bool(False)
    advanced = Bool(False)
    code = Unicode("")

    def __init__(
        self, options: FillOptions | None = None, *, client: FluxFill | None = None
    ) -> None:
        options = FillOptions() if options is None else getattr(options, "options", options)
        if not isinstance(options, FillOptions):
            kind = type(options).__name__
            raise InvalidOption(f"options is a {kind}: give FillOptions(…), a request, or nothing.")
        self._model = type(options)
        self.fields = fields(self._model)
        self._lock = threading.RLock()
        self._is_own = self._is_fresh = False
        self._store: dict[str, Any] = {}
        super().__init__(options=options, seed_locked=options.seed is not None)
        self.service = "hosted" if client is None and hosted_key() else "local"
        self.client = client
        self.children = frame.frame(self)
        self.add_class("ffnb-parameters")

    # ------------------------------------------------------------------------------ the settings

    def update(self, **settings: Any) -> None:
        """Change some of the settings; a seed is locked.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            A setting is unknown or out of range; none is changed.
        """
        with self._lock:
            self._change(settings)
            if "seed" in settings:
                self.seed_locked = settings["seed"] is not None

    def preset(self, name: str) -> None:
        """Set guidance and steps as a preset has them; the rest stays.

        Parameters
        ----------
        name
            "default": the service's; "sample": as in its vendor's own example; "draft": as few
            steps as it takes.
        """
        if name not in PRESETS:
            raise InvalidOption(f"There is no preset {name!r}: {', '.join(PRESETS)}.")
        self.update(**self._preset(name))

    @property
    def chosen_preset(self) -> str | None:
        """Name of the preset whose guidance and steps are set; None if it is none's."""
        defaults = self._preset("default")
        own = {key: getattr(self.options, key) for key in PRESET_FIELDS}
        own |= {key: defaults[key] for key, value in own.items() if value is None}
        return next((name for name in PRESETS if self._preset(name) == own), None)

    def reset(self) -> None:
        """Set all but the prompt to the defaults; nothing is wrong then, and the seed unlocked."""
        with self._lock:
            self._put(self._model(prompt=self.options.prompt), settled=self._model.model_fields)
            self.seed_locked = False

    def new_seed(self) -> int:
        """Draw a seed for the next fill, show it, and return it."""
        with self._lock:
            seed = secrets.randbelow(_SEEDS)
            self._change({"seed": seed})
            self._is_fresh = True
            return seed

    def next_options(self) -> FillOptions:
        """Return the settings for one more fill; unless the seed is locked, it is a new one.

        A seed that the dice have drawn since the last fill is used first.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            Something that is typed cannot be used.
        """
        with self._lock:
            if self.problems:
                raise InvalidOption(
                    "\n".join(
                        f"{field.label}: {self.problems[field.name]}"
                        for field in self.fields
                        if field.name in self.problems
                    )
                )
            if not (self._is_fresh or self.seed_locked):
                self.new_seed()
            self._is_fresh = False
            options: FillOptions = self.options
            return options

    def to_python(self) -> str:
        """Return Python that makes a fill with these settings; a secret is left out."""
        known = self.service if self.service in ("hosted", "local") else None
        return code.as_python(self.options, known)

    def to_curl(self) -> str:
        """Return a shell command that asks the hosted service for this; key and secret left out."""
        return code.as_curl(self.options)

    # ------------------------------------------------------------------------------ the service

    def connect(self, service: str) -> None:
        """Choose the service: "hosted", "local", or an address.

        Without a key for the hosted service there is no client until `log_in`.
        """
        with self._lock:
            try:
                self.client = services.connect(service, **self._store)
            except MissingKey:
                self.client = None
                self.service = service
                self.needs_key = True

    def log_in(self, key: str | SecretStr) -> None:
        """Use the hosted service with this key, which is kept in memory only.

        In code, better call `fluxfill_nb.login`, which asks for it, and then ``connect("hosted")``.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            It has characters that no key has.
        """
        secret = key if isinstance(key, SecretStr) else SecretStr(key)
        if not (plain := secret.get_secret_value().strip()):
            raise InvalidOption("No key was typed; the service that is used stays as it was.")
        with self._lock:
            self.client = services.connect("hosted", api_key=plain, **self._store)

    def ask_credits(self) -> None:
        """Ask the hosted service in the background how many credits are left."""
        client = self.client
        if client is not None and self.service == "hosted":
            threading.Thread(
                target=self._ask_credits, args=(client,), name="fluxfill-credits", daemon=True
            ).start()

    @property
    def price(self) -> float | None:
        """Of a fill, USD; None if it is not known."""
        return {"hosted": USD_PER_FILL, "local": 0.0}.get(self.service)

    @property
    def price_line(self) -> str:
        """What a fill costs, and how many credits are left, as it is shown."""
        if self.service == "local":
            return "Free: local engine, no FLUX"
        if self.service != "hosted":
            return f"Service: {self.service}"
        line = f"${USD_PER_FILL} a fill on the hosted service"
        if self.credits is not None:
            worth = self.credits * USD_PER_CREDIT
            line += f" · {self.credits:,.10g} credits left (${worth:,.2f})"
        return line

    # ------------------------------------------------------------------------------ what it hears

    @validate("options")
    def _of_the_model(self, proposal: dict[str, Any]) -> FillOptions:
        given: FillOptions = proposal["value"]
        if type(given) is self._model:
            return given
        # A request is given for its settings.
        return self._model(**{name: getattr(given, name) for name in given.names()})

    @observe("options")
    def _assigned(self, change: dict[str, Any]) -> None:
        if self._is_own:
            return
        with self._lock:
            self._is_fresh = False
            self.seed_locked = change["new"].seed is not None
            self.problems = {}

    @observe("client")
    def _has_client(self, change: dict[str, Any]) -> None:
        client = change["new"]
        self.credits = None
        if client is None:
            return
        self._store = {"store": client.store}
        self.needs_key = False
        self.service = kind_of(client.service) or client.service
        self.ask_credits()

    @observe("seed_locked")
    def _locked(self, change: dict[str, Any]) -> None:
        if change["new"] and self.options.seed is None:
            self.new_seed()

    def _change(self, settings: dict[str, Any]) -> None:
        values = {name: getattr(self.options, name) for name in self._model.model_fields}
        self._put(self._model(**values | settings), settled=settings)

    def _put(self, options: FillOptions, settled: Collection[str]) -> None:
        """Set the options; what is typed wrongly in other fields than these stays as it is."""
        self._is_own = True
        try:
            self.problems = {k: told for k, told in self.problems.items() if k not in settled}
            self._is_fresh = self._is_fresh and "seed" not in settled
            self.options = options
        finally:
            self._is_own = False

    def _typed(self, name: str, value: Any) -> None:
        """Take what a person has set a field to, or say at the field why not."""
        try:
            self.update(**{name: value})
        except InvalidOption:
            field = next(field for field in self.fields if field.name == name)
            self.problems = self.problems | {name: field.demand}

    def _preset(self, name: str) -> dict[str, Any]:
        defaults = {key: self._model.model_fields[key].default for key in PRESET_FIELDS}
        return defaults | dict(PRESETS[name])

    def _ask_credits(self, client: FluxFill) -> None:
        try:
            left = client.credits()
        except NotAuthenticated:
            if self.client is client:
                self.needs_key = True
                self.error = "The hosted service refuses this key."
        except Exception as error:  # it is a courtesy: fills tell what is wrong
            logger.info("How many credits are left could not be asked: %s", error)
        else:
            if self.client is client:
                self.credits = left

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/html": table.as_html(self)}

    def __repr__(self) -> str:
        return repr(self.options).replace(type(self.options).__name__, type(self).__name__, 1)
