"""What becomes of memory that a frame no longer needs."""

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
import numpy as np
from vcam.system.memory import keep_freed

def frame():
    several = [np.ones(3 << 20, np.uint8) for _ in range(4)]

if "keep" in sys.argv:
    keep_freed()
for _ in range(3):
    frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    frame()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 100)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others have ways of their own")
def test_the_kernel_clears_no_memory_anew_for_each_frame():
    asked, kept = (
        float(subprocess.run([sys.executable, "-c", ROUNDS, *words], capture_output=True, text=True, check=True).stdout)
        for words in ((), ("keep",))
    )
    assert kept < 10 < asked  # pages a frame
