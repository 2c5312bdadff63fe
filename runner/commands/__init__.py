"""A module a command: options in, one call, what to print and which status to exit with."""
