"""Sweeps: one request over axes of settings, and the results that they end in."""

from .sweep import Point as Point
from .sweep import Sweep as Sweep
from .sweep_result import STATES as STATES
from .sweep_result import Outcome as Outcome
from .sweep_result import SweepResult as SweepResult
from .sweep_result import status as status
