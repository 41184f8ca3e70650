"""What is done to a picture before the network learns from it."""
