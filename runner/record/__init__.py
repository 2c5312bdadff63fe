"""The public record in results/: its schema, its files, and how finished work gets there."""
