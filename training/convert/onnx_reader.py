"""ONNX files read without what else they name. Their numbers may lie in other files, and OpenVINO would open any, also
by an absolute path or one that leads out of the folder: what somebody else's file names would end up in the weights.
"""

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from segnet.engines import import_readers


def read_onnx(content: bytes) -> Any:
    """The openvino.Model of an ONNX file's content. Raises RuntimeError, also where it names other files."""
    frontends, _ = import_readers()
    if not content:
        raise RuntimeError("it is empty")
    frontend = frontends.FrontEndManager().load_by_framework("onnx")  # a file too, which stays in memory
    with no_more_files():
        return frontend.convert(frontend.load(io.BytesIO(content)))


@contextmanager
def no_more_files() -> Iterator[None]:
    """Within it, no thread of this process can open a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
