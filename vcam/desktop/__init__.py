"""What the desktop around SegBlur shows of it: D-Bus, tray, notifications, shortcuts."""
