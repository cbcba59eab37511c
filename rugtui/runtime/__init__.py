"""The process itself: compute threads, garbage collection, a terminal that goes away."""
