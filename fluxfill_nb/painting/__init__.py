"""Painting a mask over a picture, without a front end: operations, their log, and undo."""

from .checks import Mode
from .load import Load
from .log import Log
from .operation import IntBox, Operation
from .operations import (
    Clear,
    Ellipse,
    Feather,
    Fill,
    FillHoles,
    Grow,
    Invert,
    Polygon,
    Rectangle,
    Shrink,
    Stroke,
    Wand,
)
from .painting import Painting
from .verbs import Verbs

__all__ = [
    "Clear",
    "Ellipse",
    "Feather",
    "Fill",
    "FillHoles",
    "Grow",
    "IntBox",
    "Invert",
    "Load",
    "Log",
    "Mode",
    "Operation",
    "Painting",
    "Polygon",
    "Rectangle",
    "Shrink",
    "Stroke",
    "Verbs",
    "Wand",
]
