"""The line of keys that work now: the widget and its drawing."""
