"""Work on other machines, by Dask: a client that hands out tasks, workers, and the scheduler between them.

Needs the extra `cluster`. Nothing outside this package imports `distributed`.
"""
