"""One training step: the products, and the passes over active cells between them."""
