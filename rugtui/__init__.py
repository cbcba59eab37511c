"""rugtui: a terminal dashboard for a toy model of superposition."""

__version__ = "0.1.0"
