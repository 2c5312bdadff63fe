"""One module for each command: its options, the call that does the work, what it prints, its exit status."""
