"""The parameter panel: every setting of a fill as a control."""

from .panel import ParameterPanel as ParameterPanel
