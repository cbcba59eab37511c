"""Models: dense weights, rugs, structured weights, and decoders."""
