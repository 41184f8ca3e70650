"""Chromium and Firefox in a session of their own, each with a page that looks at the camera and posts what it sees."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import cv2
import numpy as np

from tests.helpers.faulty_worker import SECRET, secret_of
from tests.helpers.pipewire_session import Session, need, until

ROOT = Path(__file__).parents[2]
LABEL = "SegBlur Camera (test)"  # another than that of a loopback device, which this machine may have
CONFIG = f'[camera]\ndevice = "sample"\n\n[output]\nlabel = "{LABEL}"\nwidth = 640\nheight = 480\n'
PAGE = Path(__file__).with_name("camera_page.html")
PARTS = {"chromium": {"chromium": "chromium"}, "firefox": {"firefox-esr": "firefox-esr"}}
PATIENCE = 120.0  # seconds after which a test gives up: a browser starts in 3 to 10
# Firefox crashes now and then when it opens a camera of PipeWire, whichever that is: StartCapture in libwebrtc gives
# PipeWire's loop free before its check against two threads at once has ended, and fails it where an answer comes then.
STARTS = 4
# Nobody is there to allow the camera, and nothing else is to be done at the start.
FIREFOX = """\
user_pref("media.webrtc.camera.allow-pipewire", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://localhost:1/");
user_pref("media.gmp-manager.url", "http://localhost:1/");
"""


class Browser:
    """What its page has posted: `camera`, how much of the secret each frame shows, and whole pictures (RGB)."""

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]], starts: int) -> None:
        """`starts`: how often it may be started until it has the camera."""
        self.name, self.start, self.starts = name, start, starts
        self.camera: dict[str, object] = {}
        self.secrets: list[float] = []
        self.pictures: list[np.ndarray] = []
        self.asked, self.error, self.done, self.enough = False, "", False, False
        self.again = 0  # how often it said that there is no camera
        self.changed = threading.Condition()

    def begin(self) -> None:
        """Start it."""
        self.process, self.starts = self.start(), self.starts - 1

    def take(self, path: str, body: bytes) -> str:
        """A post of the page's; the answer."""
        with self.changed:
            self.asked = True
            if path == "/camera":
                self.camera = json.loads(body)
            elif path == "/corners":
                left, right = np.frombuffer(body, np.uint8).reshape(2, SECRET, SECRET, 4)
                self.secrets.append(secret_of(luma(np.hstack([left, right]))))
            elif path == "/picture":
                size = self.camera["height"], self.camera["width"], 4
                self.pictures.append(np.frombuffer(body, np.uint8).reshape(size)[..., :3])
            self.again += path == "/again"
            self.error = body.decode() if path == "/error" else self.error
            self.done = path == "/done" or self.done
            self.changed.notify_all()
            return "enough" if self.enough else ""

    def wait_for(self, condition, what: str) -> None:
        """Until a condition holds; fails where the page has an error, or the browser has crashed once too often."""
        deadline = monotonic() + PATIENCE
        with self.changed:
            while not self.changed.wait_for(lambda: condition() or self.error or self.done, 0.5):
                if self.process.poll() is not None and not self.camera and self.starts:
                    self.begin()
                if monotonic() > deadline or self.process.poll() is not None:
                    break
            assert condition(), f"{self.name}: no {what}; {self.error or self.progress()}"

    def wait_for_pictures(self, count: int, judge, what: str) -> None:
        """Until so many more whole pictures, one after the other, are what the judge says."""
        start = len(self.pictures)
        self.wait_for(lambda: len(self.pictures) >= start + count and all(map(judge, self.pictures[-count:])), what)

    def progress(self) -> str:
        """How far it came."""
        if self.process.poll() is not None:
            return "the browser crashed"
        if not self.asked:
            return "the page was not opened"
        return f"{len(self.secrets)} frames came" if self.camera else "the browser did not give the page the camera"

    def leave(self) -> None:
        """Let the page close the camera."""
        self.enough = True
        self.wait_for(lambda: self.done, "end of the page")


def start_service(here: Session) -> None:
    """The service by PipeWire alone, with a secret in the room, in a session; when PipeWire lists its camera."""
    settings = here.folder / ".config/segblur/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(CONFIG)
    here.environment |= {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    here.start("segblur", sys.executable, "-m", "tests.helpers.secret_service")
    until(lambda: here.nodes(node_description=LABEL), "the camera is listed")


def luma(pixels: np.ndarray) -> np.ndarray:
    """The luma of RGB or RGBA pixels, limited range, as webcams and secret_of mean it."""
    picture = np.ascontiguousarray(pixels[..., :3])
    return cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)[: picture.shape[0]]


@contextmanager
def browser(here: Session, name: str, starts: int = STARTS) -> Iterator[Browser]:
    """Chromium or Firefox in this session, which must be a desktop."""
    need(PARTS[name])
    one = Browser(name, lambda: here.start(name, *command(name, profile, page)), starts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(PAGE.read_bytes() if self.path == "/" else b"")

        def do_POST(self) -> None:
            body = self.rfile.read(length := int(self.headers["Content-Length"]))
            if len(body) == length:  # else the browser has ended meanwhile
                self.answer(one.take(self.path, body).encode())

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are seen by what they leave."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    profile, page = here.folder / f"{name}-profile", f"http://localhost:{server.server_port}/"
    try:
        one.begin()
        yield one
    finally:
        if name in here.processes:
            here.stop(name)
        server.shutdown()
        thread.join()
        server.server_close()


def command(name: str, profile: Path, url: str) -> tuple[str, ...]:
    """The call of a browser without a window, which asks PipeWire for cameras; its profile is made anew."""
    shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir()
    if name == "firefox":
        (profile / "user.js").write_text(FIREFOX)
        return ("firefox-esr", "--headless", "--no-remote", "--profile", str(profile), url)
    as_root = ("--no-sandbox",) if os.getuid() == 0 else ()
    return (
        *("chromium", "--headless=new", f"--user-data-dir={profile}", "--no-first-run", "--disable-gpu", *as_root),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--use-fake-ui-for-media-stream", "--enable-features=WebRtcPipeWireCamera", url),
    )
