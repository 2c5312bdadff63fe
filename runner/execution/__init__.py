"""Carry out a plan: in one process or several, with what the machine has."""
