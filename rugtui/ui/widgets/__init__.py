"""Thin widgets, one a pane."""
