"""Predictions of the loss: pure functions of numbers, in NumPy and SciPy alone."""
