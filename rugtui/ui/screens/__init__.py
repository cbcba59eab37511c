"""What covers the panes for a while: the form, the help."""
