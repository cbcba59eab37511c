"""Weights in files that other programs wrote, read without executing anything in them."""
