"""Masks for pictures that have none, by other networks."""
