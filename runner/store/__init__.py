"""Finished work by key, private to whoever runs the study."""
