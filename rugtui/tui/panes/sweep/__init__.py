"""The pane of a sweep: its map over r and p, and the curve through the cursor."""
