"""What covers the panes for a while: forms, lists, help."""
