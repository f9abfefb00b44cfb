"""The package's version: for the wheel, and for what saved pictures say of their origin."""

__version__ = "0.1.0"
