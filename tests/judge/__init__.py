"""Judges the picture that the whole path makes, at full resolution: python -m tests.judge DATA, which see."""
