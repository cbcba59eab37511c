"""Training: a generator that yields one StepResult per interval."""
