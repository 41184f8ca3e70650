"""Offline: pictures and masks in, a weights file for the service out. Nothing here runs in the service."""
