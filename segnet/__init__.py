"""The networks: definition, weights files, inference. Knows nothing of cameras or of training."""
