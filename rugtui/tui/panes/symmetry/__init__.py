"""The symmetry pane: what a permutation-symmetric optimum would not have."""
