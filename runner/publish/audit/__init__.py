"""A built site, looked at as a reader would find it."""
