"""`segblur run` with a worker that is ready in seconds: the real service, webcam and compositor, and a network without
torch that does what its weights file says (tests/helpers/faulty_worker.py).
"""

import asyncio
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT))

from vcam.cli.main import report  # noqa: E402 - systemd starts this file from anywhere
from vcam.errors import SegBlurError  # noqa: E402
from vcam.service.service import serve  # noqa: E402
from vcam.settings import load_settings  # noqa: E402
from vcam.system.log import keep_no_core, set_up_log  # noqa: E402

WORKER = (sys.executable, str(PROJECT / "tests/helpers/faulty_worker.py"), "none", "1000000000", "settings")

if __name__ == "__main__":
    os.environ |= {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "1", "PYTHONPATH": str(PROJECT)}  # the first as segblur does
    keep_no_core()
    set_up_log()
    try:
        asyncio.run(serve(load_settings(), {}, WORKER))
    except SegBlurError as error:
        sys.exit(report(error))
