"""The names by which the desktop knows SegBlur: one place, since they must agree."""

APP = "io.github.segblur.SegBlur"  # window, launcher, icons, notifications, portals, AppStream
BUS = "io.github.segblur.Service1"  # the service's name and interface on the session bus
TRAY = "io.github.segblur.Tray"  # owned there by the icon in the panel, of which there is one
