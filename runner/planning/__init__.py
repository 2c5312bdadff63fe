"""From a request to work: which runs, which levels and pictures, under which keys."""
