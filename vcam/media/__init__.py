"""Pixels and files, knowing no device."""
