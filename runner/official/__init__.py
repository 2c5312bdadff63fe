"""What the public code and its author left: trained folders in, out and beside our own."""
