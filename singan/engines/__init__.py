"""Ways to carry out the steps of an epoch; `plain` is the specification the others must match."""
