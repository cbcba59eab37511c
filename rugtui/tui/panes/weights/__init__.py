"""The W pane: W = W_out W_in as a picture, trained and constructed."""
