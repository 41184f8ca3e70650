"""The control socket and the settings file."""
