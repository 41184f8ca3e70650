"""Chromium's question for a camera, with SegBlur Camera in its list and a live preview of it, for the README:
`python -m tests.helpers.device_picker` writes docs/picker.png.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from PIL import Image, ImageGrab

from tests.helpers.pipewire_session import Session, need, session, until

ROOT = Path(__file__).parents[2]
CONFIG = '[camera]\ndevice = "sample"\n'
WINDOW = 500, 608  # pixels: the narrowest that Chromium has
PHOTO = 5000  # colours; the window without a photograph in it has a third of that
# It asks again, because Chromium may see the camera only after it has said that there is none.
PAGE = b"""<!doctype html>
<title>Your call</title>
<body style="background: #f1f3f4">
<script>
  const ask = () => navigator.mediaDevices.getUserMedia({video: true}).catch(() => setTimeout(ask, 1000));
  ask();
</script>
"""


class Handler(BaseHTTPRequestHandler):
    """Gives the page, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def start_chromium(here: Session, url: str) -> None:
    """With its window on the session's screen."""
    as_root = ("--no-sandbox", "--test-type") if os.getuid() == 0 else ()  # the second against a warning of the first
    here.start(
        *("chromium", "chromium", f"--user-data-dir={here.folder}/chromium", *as_root),
        *("--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
        *("--disable-sync", "--window-position=0,0", f"--window-size={WINDOW[0]},{WINDOW[1]}"),
        *("--enable-features=WebRtcPipeWireCamera", url),
    )


def picture(here: Session) -> Image.Image:
    """The window, as soon as the preview in it is live."""
    seen: list[Image.Image] = []

    def look() -> bool:
        seen[:] = [ImageGrab.grab((0, 0, *WINDOW), xdisplay=here.environment["DISPLAY"])]
        return len(seen[0].getcolors(WINDOW[0] * WINDOW[1])) > PHOTO

    until(look, "a live preview in Chromium's question")
    return seen[0]


def main(path: Path) -> None:
    """Write it."""
    need({"chromium": "chromium"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    with session(desktop=True) as here:
        settings = here.folder / ".config/segblur/config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(CONFIG)
        here.environment |= {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
        here.start("segblur", sys.executable, "-m", "vcam", "run")
        until(lambda: here.nodes(node_description="SegBlur Camera"), "the camera is listed")
        start_chromium(here, f"http://localhost:{server.server_port}/")
        picture(here).save(path, optimize=True)


if __name__ == "__main__":
    main(ROOT / "docs/picker.png")
