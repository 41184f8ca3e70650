"""How often a browser shows the camera by PipeWire when it is started: `browser_starts.py chromium|firefox [COUNT]`.

Each start is a new profile that asks for the camera at once. Prints what became of it, then the rate and the times.
"""

import statistics
import sys
from collections import Counter
from time import monotonic

from tests.helpers.browsers import browser, start_service
from tests.helpers.pipewire_session import session


def main(name: str, count: int) -> int:
    """0 where every start came to a picture."""
    ends, times = Counter(), []
    with session(desktop=True) as here:
        start_service(here)
        for number in range(1, count + 1):
            began = monotonic()
            with browser(here, name, starts=1) as one:
                try:
                    one.wait_for(lambda one=one: one.secrets, "picture")
                except AssertionError as error:
                    end = str(error)
                else:
                    end = "picture" if not one.again else "picture, after it had said that there is no camera"
                    times.append(monotonic() - began)
            ends[end] += 1
            print(f"{number:3}  {monotonic() - began:5.1f} s  {end}", flush=True)
    print(f"\n{name}: {len(times)} of {count} starts came to a picture")
    print(*(f"{number:4}  {end}" for end, number in ends.most_common()), sep="\n")
    if len(times) > 1:
        middle, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"start to first picture: {middle:.1f} s in the middle, {late:.1f} s for one in twenty")
    return 0 if len(times) == count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50))
