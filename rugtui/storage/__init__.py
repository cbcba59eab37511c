"""Runs on disk: every file name and every format lives here."""
