"""The loss pane: live curves over the levels of theory, and the tabs against r and p."""
