"""Ways to carry out assignments: in this process, in several of this machine, or on a cluster."""
