"""The worker: commands in, the latest immutable Frame out. It knows no widget."""
