"""The paper's figures: what is to be seen, as values; printed, or drawn in characters."""
