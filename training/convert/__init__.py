"""Weights from and to other forms."""
