"""Statuses as the service tells them, in every state that the window knows."""

from copy import deepcopy

CAMERA = {"name": "HD Pro Webcam C920", "path": "/dev/video0", "format": "mjpeg", "size": [1280, 720], "fps": 30.0}
IDLE = {
    "state": "idle",
    "sentence": "",
    "outputs": [{"path": "/dev/video10", "label": "SegBlur Camera", "viewers": 0, "size": [1280, 720]}],
    "previews": 0,
    "camera": None,
    "fallback": "",
    "pid": 4711,
    "settings": {
        "camera": {"device": "auto"},
        "output": {"label": "SegBlur Camera", "width": 1280, "height": 720},
        "look": {
            **{"effect": "blur", "blur": 0.5, "on": "background", "colour": "#00b140"},
            **{"picture": None, "video": None},
        },
        "framing": {"mirror": False, "crop": "off", "zoom": 1.5, "x": 0.5, "y": 0.5, "people": "all"},
    },
}
TROUBLE = "the webcam HD Pro Webcam C920 (/dev/video0) is used by another program; close that program"


def status(state="idle", *, viewers=0, previews=0, camera=None, sentence="", fallback="", **settings):
    """One of them; settings by section__name."""
    made = deepcopy(IDLE) | {"state": state, "sentence": sentence, "previews": previews, "fallback": fallback}
    made["outputs"][0]["viewers"] = viewers
    made["camera"] = camera or (CAMERA if state == "live" else None)
    for key, value in settings.items():
        section, name = key.split("__")
        made["settings"].setdefault(section, {})[name] = value
    return made
