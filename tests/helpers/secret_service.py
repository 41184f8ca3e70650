"""`segblur run` with the bundled sample, on which a secret is painted where no mask keeps anything: the real service,
network, compositor and outputs (tests/helpers/faulty_worker.py is the worker, with no fault).
"""

import asyncio
import os
import sys

from tests.helpers import faulty_worker
from vcam.cli.main import report
from vcam.errors import SegBlurError
from vcam.service.service import serve
from vcam.settings import load_settings
from vcam.system.log import set_up_log

WORKER = (sys.executable, faulty_worker.__file__, "none", "1000000000", "sample")

if __name__ == "__main__":
    os.environ["NETWORK"] = "real"
    set_up_log()
    try:
        asyncio.run(serve(load_settings(), {}, WORKER))
    except SegBlurError as error:
        sys.exit(report(error))
