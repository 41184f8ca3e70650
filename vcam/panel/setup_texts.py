"""What the page "Set up SegBlur Camera" says."""

TITLE = "Set up SegBlur Camera"
READING = "One moment, SegBlur looks at what this computer has."
INTRO = (
    "SegBlur adds a camera to your video programs. It shows you sharp and your room blurred, and your webcam is on "
    "only while a program shows it."
)
WAYS = "Where do you want to see it?"
DESKTOP = "In browsers and programs of the desktop"
DESKTOP_MORE = "Firefox, Chromium, OBS and others. Needs no password."
EVERYWHERE = "In every video program"
EVERYWHERE_MORE = "In Zoom, Teams and Discord, too. Adds a part to the system, which needs your password."
ONLY_DESKTOP = "Only browsers and programs of the desktop can see it here: {reason}"
STEPS = "What will be done"
PASSWORD = "You are asked for your password once. This may take some minutes."  # noqa: S105 - a sentence
RUNNING = "One moment, this may take a while."
DONE = "All is set up. Choose SegBlur Camera in your video program."
TERMINAL = "{reason}. Run this in a terminal:"
OR_TERMINAL = "Or run this in a terminal: {command}"
UNREADABLE = (
    "SegBlur's setup gave no answer that can be read. Install SegBlur again, or run segblur doctor in a terminal."
)
BROKEN_OFF = "SegBlur's setup ended in the middle. It continues from there when you try again."

SHOW_COMMANDS = "Commands"
SHOW_MESSAGES = "Messages"
NOT_NOW = "Not now"
SET_UP = "Set up"
TRY_AGAIN = "Try again"
LOOK_AGAIN = "Look again"
COPY = "Copy the command"
COPIED = "Copied"
CONTINUE = "Continue"

# What stands before a step, and what a screen reader says for it.
SHAPES = {"todo": "○", "running": "◌", "done": "✓", "failed": "✗"}
STATES = {"todo": "to do", "running": "under way", "done": "done", "failed": "failed"}
