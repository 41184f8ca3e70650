"""The mask of one frame."""
