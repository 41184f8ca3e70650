"""A training run: its settings, steps, losses, checkpoints and journal."""
