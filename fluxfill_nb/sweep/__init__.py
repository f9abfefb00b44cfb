"""Sweeps: one request over axes of settings, and the results that they end in."""

from .outcomes import STATES as STATES
from .outcomes import Outcome as Outcome
from .outcomes import status as status
from .sweep import Point as Point
from .sweep import Sweep as Sweep
from .sweep_result import SweepResult as SweepResult
