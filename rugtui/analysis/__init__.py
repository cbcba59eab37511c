"""Statistics of weights, and the sentence that explains them."""
