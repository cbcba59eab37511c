"""Experiments of several runs: what training does beyond the paper's grid."""
