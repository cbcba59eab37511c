"""Drawing as pure functions, without an app: arrays in, strips out."""
