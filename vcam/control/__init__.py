"""The control socket, the settings file, and what the programs that use them say alike."""
