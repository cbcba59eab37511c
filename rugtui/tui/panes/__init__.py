"""The panes of the dashboard: each widget next to its drawing code."""
