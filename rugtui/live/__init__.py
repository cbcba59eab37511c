"""The worker thread: commands in, the newest immutable Frame out. It knows no widget."""
