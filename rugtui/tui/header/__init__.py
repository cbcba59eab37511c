"""The header line: the widget and its drawing."""
