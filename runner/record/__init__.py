"""The public record in results/: its schema, and how finished work gets there."""
