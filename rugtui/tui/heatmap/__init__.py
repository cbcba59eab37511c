"""Matrices as colored character cells."""
