"""What a model is: its weights, however they are held."""
