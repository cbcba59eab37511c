"""A form of declared settings: the widget and its drawing."""
