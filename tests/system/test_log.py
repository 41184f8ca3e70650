"""What reaches the journal."""

from vcam.system.log import MINUTE, Repeated


def test_a_sentence_that_comes_again_and_again_is_logged_once_a_minute_with_a_count():
    clock, logged = [0.0], []
    report = Repeated(logged.append, now=lambda: clock[0])
    for second in range(int(MINUTE) + 1):
        clock[0] = float(second)
        report("there is no webcam")
    assert logged == ["there is no webcam", "there is no webcam (60 times since the last report)"]


def test_another_sentence_is_logged_at_once():
    logged = []
    report = Repeated(logged.append, now=lambda: 0.0)
    for sentence in ("unplugged", "unplugged", "busy", "busy", "unplugged"):
        report(sentence)
    assert logged == ["unplugged", "busy", "unplugged"]


def test_of_one_kind_of_trouble_another_sentence_is_no_news():
    logged = []
    report = Repeated(logged.append, one_kind=True, now=lambda: 0.0)
    for byte in range(100):
        report(f"bad byte {byte}")
    assert logged == ["bad byte 0"]
