"""The window in each of its states, for docs/panel.md: `python -m tests.panel.pictures` writes docs/panel/*.png."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image
from PySide6.QtWidgets import QApplication

from tests.helpers.goldens import draw
from tests.panel.looks import a_window, as_image, dress, picture_of, settle, spin
from tests.panel.statuses import TROUBLE, status
from vcam.panel.channel import convert
from vcam.panel.states import Known
from vcam.pipeline import known_answer
from vcam.service.keeper import ASLEEP, PAUSED
from vcam.service.placeholder import paint
from vcam.service.screen import READY
from vcam.settings import LookSettings

FOLDER = Path(__file__).parents[2] / "docs" / "panel"
KEPT, REDUCED = 64, 192  # colours: the most frequent, which are the window's own; and those of photographs


def pictures(folder, chosen):
    """Name and picture of each state, or of the chosen ones."""

    def notice(sentence):
        data, (width, height) = convert(paint(sentence, 1280, 720).pixels.tobytes(), (1280, 720), 2)
        return as_image(np.frombuffer(data, np.uint8).reshape(height, width, 4)[..., :3])

    live, room = as_image(draw(LookSettings())), as_image(cv2.imread(str(known_answer.PICTURE)))
    usual, dark, short = ("light", 1.0, (520, 880)), ("dark", 1.0, (520, 880)), ("light", 1.0, (520, 400))
    shown = {
        "live": (status("live", viewers=1), usual, live),
        "live-dark": (status("live", viewers=1), dark, live),
        "live-wide": (status("live", viewers=1), ("light", 1.0, (1000, 880)), live),
        "live-large": (status("live", viewers=1), ("light", 2.0, (360, 880)), live),
        "preview-only": (status("live", previews=1), short, live),
        "unknown": (status("live", viewers=None), short, live),
        "paused": (status("paused"), short, notice(PAUSED)),
        "paused-dark": (status("paused"), ("dark", 1.0, (520, 400)), notice(PAUSED)),
        "room": (status("live", viewers=1, look__effect="off"), short, room),
        "room-dark": (status("live", viewers=1, look__effect="off"), ("dark", 1.0, (520, 400)), room),
        "trouble": (status("trouble", sentence=TROUBLE), short, notice(TROUBLE)),
        "trouble-large": (status("trouble", sentence=TROUBLE), ("light", 2.0, (360, 880)), notice(TROUBLE)),
        "starting": (status("starting", viewers=1), short, notice(READY)),
        "sleeping": (status("asleep"), short, notice(ASLEEP)),
        "idle": (status("idle"), short, None),
        "stopped": (Known(None, "stopped"), short, None),
        "not-set-up": (Known(None, "stopped", needs_setup=True), short, None),
        "no-answer": (Known(None, "silent"), short, None),
        "other-version": (Known(None, "foreign"), short, None),
    }
    for name, (known, (palette, scale, size), image) in shown.items():
        if chosen and name not in chosen:
            continue
        dress(palette, scale)
        window = a_window(folder, known if isinstance(known, Known) else Known(known, ""), size, image)
        thumbnails = window.page.gallery._model._thumbnails
        spin(lambda drawn=thumbnails: all(drawn.values()), "the small pictures")
        if name == "idle":  # else the preview would be watching
            window.page.show_preview.setChecked(False)
        if image is not None:
            window.page.picture.show_image(image)
        yield name, picture_of(window)
        window.close()
        settle()


def reduced(picture):
    """The picture with 256 colours, which takes a third of the room."""
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    own = colours[np.argsort(-counts)[:KEPT]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*own.ravel().tolist(), *picture.quantize(REDUCED).getpalette()[: 3 * REDUCED]])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def main():
    os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_STYLE_OVERRIDE": "Fusion"}
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        for part in ("DATA_HOME", "CACHE_HOME", "CONFIG_HOME", "RUNTIME_DIR"):
            os.environ[f"XDG_{part}"] = folder
        for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):  # of OpenCV's own Qt
            os.environ.pop(name, None)
        application = QApplication([])
        for name, picture in pictures(Path(folder), sys.argv[1:]):
            reduced(picture).save(FOLDER / f"{name}.png", optimize=True)
        application.quit()
    print(f"written: {FOLDER}")


if __name__ == "__main__":
    main()
