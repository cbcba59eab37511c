"""Arrays in, strips out: drawing as pure functions, without an app."""
