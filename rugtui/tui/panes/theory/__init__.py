"""The theory pane: every loss that has a name, beside the live one."""
