"""Serve the page to a browser without a window and keep what it posts: browser.py chromium|firefox FOLDER SECONDS."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")
SUFFIX = {"/frame": "png", "/error": "txt"}
PROFILE = Path("/tmp/firefox")
# Nobody is there to allow the camera, and nothing else is to be done at the start.
PREFERENCES = """\
user_pref("media.navigator.permission.disabled", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("extensions.enabledScopes", 0);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://localhost:1/");
user_pref("media.gmp-manager.url", "http://localhost:1/");
user_pref("fission.autostart", false);
user_pref("dom.ipc.processPrelaunch.enabled", false);
"""
# A process of Chromium's that is not up within 15 s ends itself, which the network's does under emulation: so it gets
# no process of its own.
COMMANDS = {
    "chromium": (
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--use-fake-ui-for-media-stream", "--user-data-dir=/tmp/chromium"),
        "--enable-features=NetworkServiceInProcess2",
    ),
    "firefox": ("firefox-esr", "--headless", "--no-remote", "--profile", str(PROFILE)),
}
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


def main(name: str, folder: Path, seconds: float) -> int:
    """0 where the page came to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    PROFILE.mkdir(exist_ok=True)
    (PROFILE / "user.js").write_text(PREFERENCES)
    Handler.folder, Handler.asked, Handler.done = folder, threading.Event(), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    deadline = time.monotonic() + seconds
    with (folder / f"{name}.log").open("wb") as log:
        while not Handler.asked.is_set() and time.monotonic() < deadline:
            page = f"http://localhost:{server.server_port}/"
            browser = subprocess.Popen([*COMMANDS[name], page], stdout=log, stderr=log)
            if Handler.asked.wait(PATIENCE):
                Handler.done.wait(deadline - time.monotonic())
            browser.terminate()
            browser.wait()
    return 0 if Handler.done.is_set() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
