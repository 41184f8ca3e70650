"""The network in use, and another that is made ready beside it and takes its place between two frames."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from vcam.errors import SettingsError
from vcam.masks.mask import Segment
from vcam.settings import NetworkSettings

PATIENCE = 120.0  # seconds that loading may take: torch's largest networks, from a cold disk, take a tenth
MOST_HUNG = 2  # threads that may hang for ever in a driver before no other is started

Load = Callable[[NetworkSettings], Segment]
Tell = Callable[[dict[str, Any]], None]


@dataclass
class Loaded:
    """A network, by which settings, and whether it has given a mask that could be used."""

    settings: NetworkSettings
    segment: Segment
    good: bool = False


class Networks:
    """The network in use, and another that is being made ready beside it. All is to be called by one thread, which is
    also the one that `tell` is called by.

    `tell` is told {"swap": {"state", "weights", "reason"}}. For each request: "loading"; "ready", when it has taken its
    place; then "in use", when the first good frame was made by it; or "refused", where it can't be loaded; or
    "returned", where its first frame was not good and the one before is in use again. One that a newer one replaced
    is not spoken of any more. `reason` is a sentence, "" where all is well; `weights` the path of the settings, None
    for those that come with the program.
    """

    def __init__(self, settings: NetworkSettings, load: Load, tell: Tell) -> None:
        """Load the first network, here and now. `load` may take long, raise anything and hang; what it gives is ready
        to run, at its usual speed. Raises what it raises.
        """
        self._load, self._tell = load, tell
        self._used = Loaded(settings, load(settings))
        self._before: Loaded | None = None  # what to return to, while the one in use is on trial
        self._last_requested = settings
        self._wanted: NetworkSettings | None = None  # to be loaded, or being loaded
        self._loading: Loading | None = None
        self._hung: list[threading.Thread] = []

    def current(self) -> Segment:
        """The network for the next frame; to be called between two frames, and now and then where there are none. Where
        it is another object than for the frame before, the mask of that frame says nothing to it.
        """
        if self._loading is not None and not self._finish(self._loading):
            return self._used.segment
        if self._wanted is not None:
            self._start(self._wanted)
        return self._used.segment

    def judge(self, good: bool) -> None:
        """Whether the frame that the current network was given had a mask that could be used. The first such frame
        lets go of the network before; a first one without brings that back, for the next frame.
        """
        if self._used.good:
            return
        if good:
            self._used.good, self._before = True, None
            self._report("in use", self._used.settings)
        elif self._before is not None:
            failed, self._used, self._before = self._used, self._before, None
            reason = "the new network gave no mask that can be used for its first frame: the one before is back"
            self._report("returned", failed.settings, reason)

    def request(self, settings: NetworkSettings) -> None:
        """Load another network beside the one in use, as soon as the loading of one that is no longer wanted has
        ended. The same request again is nothing new.
        """
        if settings == self._last_requested:
            return
        self._last_requested = settings
        if settings == self._used.settings:
            self._wanted = None
            if self._used.good:
                self._report("in use", settings)
            return
        self._wanted = settings
        if self._loading is None:
            self._start(settings)

    def _start(self, settings: NetworkSettings) -> None:
        self._hung = [thread for thread in self._hung if thread.is_alive()]
        if len(self._hung) >= MOST_HUNG:
            self._refuse(settings, "loading networks hangs on this machine; start segblur again")
            return
        try:
            self._loading = Loading(settings, self._load)
        except RuntimeError as error:  # no thread to be had
            self._refuse(settings, f"the network can't be loaded ({error}); try again")
            return
        self._report("loading", settings)

    def _finish(self, loading: "Loading") -> bool:
        """Whether the loading has ended, by itself or by our patience; what came of it is then seen to."""
        outcome = loading.outcome
        if outcome is None:
            if monotonic() - loading.began < PATIENCE:
                return False
            self._hung.append(loading.thread)
            outcome = f"the network was not ready after {PATIENCE:.0f} seconds; try again, or take another engine"
        self._loading = None
        if loading.settings != self._wanted:
            return True
        if isinstance(outcome, str):
            self._refuse(loading.settings, outcome)
            return True
        self._wanted = None
        if self._used.good or self._before is None:
            self._before = self._used
        self._used = Loaded(loading.settings, outcome)
        self._report("ready", loading.settings)
        return True

    def _refuse(self, settings: NetworkSettings, reason: str) -> None:
        self._wanted = None
        self._report("refused", settings, reason)

    def _report(self, state: str, settings: NetworkSettings, reason: str = "") -> None:
        weights = None if settings.weights is None else str(settings.weights)
        self._tell({"swap": {"state": state, "weights": weights, "reason": reason}})


class Loading:
    """One network being loaded by a thread of its own, which holds nothing up when it hangs."""

    def __init__(self, settings: NetworkSettings, load: Load) -> None:
        """Begin. Raises RuntimeError where no thread can be had."""
        self.settings, self.began = settings, monotonic()
        self.outcome: Segment | str | None = None  # the network, or why there is none, as soon as it is known
        self.thread = threading.Thread(target=self._run, args=(load,), daemon=True, name="segblur-load")
        self.thread.start()

    def _run(self, load: Load) -> None:
        try:
            self.outcome = load(self.settings)
        except SettingsError as error:
            self.outcome = str(error)
        except BaseException as error:  # noqa: BLE001 - whatever happens to a candidate, the network in use goes on
            reason = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
            self.outcome = f"the network can't be loaded ({reason}); take other weights or another engine"
