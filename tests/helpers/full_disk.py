"""A disk without room."""

import resource
from contextlib import contextmanager


@contextmanager
def full_disk(size):
    """No file of this process may grow beyond that, as on a disk with so much room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
