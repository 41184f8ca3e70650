"""Serve the page to a headless Chromium and keep what it posts: browser.py FOLDER SECONDS."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")
SUFFIX = {"/frame": "png", "/error": "txt"}
# A process of Chromium's that is not up within 15 s ends itself, which the network's does under emulation: so it gets
# no process of its own.
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-ui-for-media-stream", "--user-data-dir=/tmp/chromium"),
    "--enable-features=NetworkServiceInProcess2",
)
PATIENCE = 60.0  # seconds until the page is asked for; a start that comes to nothing is made again


class Handler(BaseHTTPRequestHandler):
    """GET gives the page; POST /NAME keeps the body as NAME-000.json, NAME-001.json, … in the folder."""

    folder: Path
    asked: threading.Event
    done: threading.Event

    def do_GET(self) -> None:
        self.answer(PAGE.read_bytes() if self.path == "/" else b"")
        self.asked.set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.strip("/")
        number = len(list(self.folder.glob(f"{name}-*")))
        (self.folder / f"{name}-{number:03d}.{SUFFIX.get(self.path, 'json')}").write_bytes(body)
        self.answer(b"")
        if name == "done":
            self.done.set()

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Chromium's requests are seen by what they leave."""


def main(folder: Path, seconds: float) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    Handler.folder, Handler.asked, Handler.done = folder, threading.Event(), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    deadline = time.monotonic() + seconds
    with (folder / "chromium.log").open("wb") as log:
        while not Handler.asked.is_set() and time.monotonic() < deadline:
            page = f"http://localhost:{server.server_port}/"
            chromium = subprocess.Popen([*CHROMIUM, page], stdout=log, stderr=log)
            if Handler.asked.wait(PATIENCE):
                Handler.done.wait(deadline - time.monotonic())
            chromium.terminate()
            chromium.wait()
    return 0 if Handler.done.is_set() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
