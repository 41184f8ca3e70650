"""What the window says, in one place. An & stands before the letter that Alt reaches."""

from vcam.control import wording

NAME = "SegBlur"

# The strip, with vcam/control/wording.py
ASKING = "Looking for SegBlur."
OTHER_VERSION = "SegBlur was updated while it ran."
NOT_SET_UP = "SegBlur is not set up yet."
LIVE_UNKNOWN = "SegBlur Camera is on. Who watches can't be known."
LIVE_HERE = "Only this window is watching. Your webcam is on."
BY_HAND = "Start it with: segblur run"
NOT_STARTED = "It could not be started. Start it with: segblur run"

BUTTONS = {
    "start": "Start",
    "restart": "Start again",
    "setup": "Set up…",
    "hide": "Hide it",
    "pause": "Pause",
    "resume": "Resume",
}

# The preview
SHOW_PREVIEW, MIRROR = "Show &preview", "&Mirror"
PREVIEW = "Preview"
PREVIEW_ABOUT = "What others see. While a fixed part is shown, drag it or use the arrow keys."
PREVIEW_OFF = "The preview is off."
PREVIEW_SOON = "One moment …"
PREVIEW_RESTS = "The preview rests. Click to go on."

# The background
BACKGROUND = "Background"
EFFECTS = wording.EFFECTS | {"colour": "Colour…"}
STRENGTH = "&Strength"
CHOOSE_COLOUR = "Colour behind you"

# Pictures and videos
GALLERY = "Pictures and videos"
ADD = "Add…"
CHOOSE_FILES = "Add pictures or videos"
FILE_KINDS = "Pictures and videos (*.jpg *.jpeg *.png *.webp *.mp4 *.webm *.mkv *.mov)"
MISSING = "missing"
REMOVE = "Remove…"
REMOVE_QUESTION = "Remove “{name}” from SegBlur's pictures? The file is deleted."
REMOVE_BUTTON = "Remove"
LOOKING = "Looking at {name} …"
REFUSED = "{count} of {all} can't be shown: {why}"
SHOW_ALL, SHOW_FEWER = "Show all {count}", "Show fewer"

# Framing
FRAMING = "Framing"
SHOW = "Sh&ow"
CROPS = {"off": "The whole picture", "auto": "Follow me", "fixed": "A fixed part"}
ZOOM = "&Zoom"
NEAREST = "Only the &nearest"

# The camera
CAMERA = "Camera"
WEBCAM = "&Webcam"
AUTOMATIC = "Automatic"
AUTOMATIC_NAMED = "Automatic ({name})"
SAMPLE = "Bundled clip"
SIZE = "Picture si&ze"
SIZES = ((1280, 720), (1920, 1080), (640, 480))
SIZE_LATER = "Changes when SegBlur starts again."
LIGHT, WARMTH, TURN = "&Light", "Wa&rmth", "&Turn"
TURNS = {0: "0°", 90: "90°", 180: "180°", 270: "270°"}

# The menu
MENU = "Menu"
ADD_ENTRY = "&Add pictures or videos…"
CHECK = "&Check this computer…"
SET_UP = "&Set up…"
PROFILES = "&Profiles"
NO_PROFILES = "None yet"
SAVE_PROFILE, SAVE_PROFILE_NAME = "&Save as…", "Name of the profile:"
REMOVE_PROFILE = "&Remove"
SHORTCUTS = "Shor&tcuts…"
TRAY, TRAY_STAYS = "Show an &icon in the panel", "The icon stays until you quit it in its menu."
SHOW_ROOM = "Show my &room…"
HELP, ABOUT, CLOSE, QUIT = "&Help", "A&bout SegBlur", "C&lose", "&Quit"
CANCEL = "Cancel"

ROOM_QUESTION = "Everybody who watches sees your room until you hide it again. Show it?"
ROOM_BUTTON = "Show my room"

HELP_TEXT = """\
<p>The strip at the top says whether somebody is watching, and what they see. The picture below it is exactly what
others get.</p>
<p>In your video program, choose <b>SegBlur Camera</b>, and turn off the program's own background blur.</p>
<table cellspacing="4">
<tr><td>Ctrl+P</td><td>pause or resume</td></tr>
<tr><td>Ctrl+O</td><td>add pictures or videos; you can also drop files onto the window</td></tr>
<tr><td>Delete</td><td>remove a picture of your own</td></tr>
<tr><td>F5</td><td>check this computer</td></tr>
<tr><td>Ctrl+W</td><td>close the window; the camera goes on</td></tr>
<tr><td>Ctrl+Q</td><td>quit the window; the camera goes on</td></tr>
</table>"""
ABOUT_TEXT = """\
<p><b>SegBlur {version}</b></p>
<p>A virtual camera that keeps you sharp and blurs your room. Your pictures never leave this computer.</p>
<p>MIT licence. The man in the small pictures is from Intel's IoT DevKit sample videos, CC BY 4.0.</p>"""

# Checking this computer
CHECKING = "Checking this computer …"
CHECK_TITLE = "Check this computer"
ALL_WELL = "All is well."
CHECK_FAILED = "The check could not be run. In a terminal: segblur doctor"
COPY = "&Copy"
FINDINGS = {"ok": "fine", "warning": "to be improved", "problem": "a problem", "unknown": "not known"}


def sentence(text: str) -> str:
    """What the service says, as a sentence: it begins and ends like one."""
    end = "" if not text or text.endswith((".", "!", "?", ":")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"
