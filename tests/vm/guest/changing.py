"""Trials of settings and commands."""

import time

from acts import CONFIG, live
from stage import HOME, ask, full_disk, journal, note, segblur, state, systemctl, unit, until, webcam_is_closed


def service_reloaded() -> None:
    """`systemctl --user reload` reads the settings again; bad ones are refused, and disturb nobody."""
    reader, path = live(), HOME / ".config/segblur/config.toml"
    path.write_text(CONFIG + "[look]\nblur = 0.7\n")
    systemctl("reload", "segblur")
    until(lambda: ask("status")["settings"]["look"]["blur"] == 0.7, 30, "the setting")
    reader.now().wait("live", 5)  # as in settings_set: there may have been a placeholder
    note("calm", "refused reload")
    path.write_text(CONFIG + "[look]\nblur = 7\n")
    systemctl("reload", "segblur")
    until(lambda: "can't be" in journal(time.time() - 60), 30, "a sentence in the log")
    assert ask("status")["settings"]["look"]["blur"] == 0.7
    reader.now().wait("live", 5)
    note("calm-over", "refused reload")
    path.write_text(CONFIG)
    systemctl("reload", "segblur")
    reader.now().wait("live", 5)
    assert unit("ActiveState") == "active"


def paused_and_resumed() -> None:
    """`segblur pause` under a reader: a placeholder and the webcam closed; `segblur resume`: live again."""
    reader = live().now()
    note("fault", "paused, resumed after the webcam was closed")
    segblur("pause")
    reader.wait("placeholder")
    note("says", state("paused")["sentence"])
    until(webcam_is_closed, 30, "the webcam closed")
    note("mended")
    segblur("resume")
    reader.now().wait("live", 10)
    note("recovered")


def settings_set() -> None:
    """`segblur set` counts at once and is written with the comments left; a bad value is refused in one sentence."""
    reader, path = live(), HOME / ".config/segblur/config.toml"
    segblur("set", "look.blur", "0.9")
    assert ask("status")["settings"]["look"]["blur"] == 0.9
    # Until the first frame by the new setting there may be a placeholder: this machine takes so long for one.
    reader.now().wait("live", 5)
    note("calm", "refused set")
    text = path.read_text()
    assert "# my settings" in text and "# the clip" in text and "blur = 0.9" in text, text
    refused = segblur("set", "look.blur", "9", check=False)
    assert refused.returncode and len(refused.stderr.splitlines()) == 1, refused
    assert path.read_text() == text
    reader.now().wait("live", 5)
    note("calm-over", "refused set")


def disk_full_for_settings() -> None:
    """Disk full: `segblur set` is refused in one sentence, and the settings file is as it was."""
    reader, folder = live(), HOME / ".config/segblur"
    note("calm", "disk full for settings")
    with full_disk(folder):
        text = (folder / "config.toml").read_text()
        refused = segblur("set", "look.blur", "0.33", check=False)
        assert refused.returncode and len(refused.stderr.splitlines()) == 1, refused
        note("sentence", refused.stderr)
        assert (folder / "config.toml").read_text() == text
        assert {path.name for path in folder.iterdir()} == {"config.toml", "filler"}, list(folder.iterdir())
    reader.now().wait("live", 5)
    note("calm-over", "disk full for settings")
    segblur("set", "look.blur", "0.5")
    reader.now().wait("live", 5)
