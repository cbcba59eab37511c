"""The terminal itself: its colors and characters, and only what changed is sent to it."""
