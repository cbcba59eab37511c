"""Grids of (n_sparse, r, p): what to compute, who computes it, and the table that comes of it."""
