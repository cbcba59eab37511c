"""Weights in files that other programs wrote, read without executing anything in them."""

SUFFIXES = (".npz", ".pt", ".pth", ".safetensors", ".npy", ".ckpt", ".bin", ".pkl")
"""Usual endings; others are accepted too."""
