"""What stands where the room was."""
