"""What the loss must be: pure functions of numbers, in NumPy and SciPy alone."""
