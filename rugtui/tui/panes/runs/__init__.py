"""The table of runs: the live one beside others."""
