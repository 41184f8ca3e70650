"""The heap, and when it gives memory back to the kernel."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
LARGEST = 32 << 20  # bytes; the most that glibc allows


def keep_freed() -> None:
    """Keep what is freed for the next frame. By default glibc gives large memory back to the kernel, as its luck with
    the order of things has it, and the kernel clears every page of it anew: thirty times a second, which took longer
    than decoding a JPEG. Other C libraries stay as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, 2 * LARGEST)


def give_back() -> None:
    """Give the kernel what has been freed, after something large that is done seldom. Other C libraries keep it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
