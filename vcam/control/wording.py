"""What the window and the icon in the panel both say of the service."""

SILENT = "SegBlur does not answer."
STOPPED = "SegBlur is not running."
ROOM = "Your room is shown. Everybody who watches can see it."
PAUSED = "Paused. Others see a notice, and your webcam is off."
ASLEEP = "The computer goes to sleep."
STARTING = "One moment, the webcam is being switched on."
LIVE = "A program is showing SegBlur Camera."
IDLE = "Nobody is watching. Your webcam is off."
LINGERING = "Nobody is watching. Your webcam goes off in a moment."

# The effects that need neither a colour nor a file.
EFFECTS = {"blur": "Blur", "bokeh": "Lens blur", "pixelate": "Pixels", "grey": "Grey", "dim": "Dim"}
