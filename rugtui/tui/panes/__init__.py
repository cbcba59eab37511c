"""The panes of the dashboard, each widget beside its own drawing."""
