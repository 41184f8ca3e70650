"""What is asked of the control socket, and what is answered."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.control.callers import Caller, Service, still_answers
from vcam.control import server
from vcam.control.protocol import COMMANDS, KINDS, BadRequestError, parse, refusal, success
from vcam.settings import LookSettings


def test_a_request_is_answered_and_keeps_its_id(service):
    with Caller(service.path) as caller:
        assert caller.ask("pause", id=7) == {"segblur": 1, "id": 7, "ok": True}
        assert caller.ask("pause", id="seven") == {"segblur": 1, "id": "seven", "ok": True}
        assert caller.ask("status")["camera"]["name"] == "HD Pro Webcam C920"
        assert caller.ask("set", key="look.blur", value=0.7)["ok"]
    assert service.asked[-1] == ("set", {"key": "look.blur", "value": 0.7})


def test_what_the_service_refuses_is_one_sentence(service):
    with Caller(service.path) as caller:
        answer = caller.ask("set", id=1, key="look.blur", value=7)
    assert answer == {
        "segblur": 1,
        "id": 1,
        "ok": False,
        "error": "look.blur can't be 7: input should be less than or equal to 1",
        "code": "refused",
    }


@pytest.mark.parametrize(
    "result", [ValueError("secret"), {"x": float("nan")}, {"x": Path("/")}, None, RecursionError()]
)
def test_what_nobody_foresaw_is_answered_too_and_the_journal_has_the_rest(path, result, caplog):
    async def answer(do, arguments):
        if isinstance(result, Exception):
            raise result
        return result

    with Service(path, answer) as service, Caller(path) as caller:
        reply = caller.ask("pause", id=3)
        assert (reply["code"], reply["error"], reply["id"]) == ("internal", "internal error, see the journal", 3)
        with Caller(service.path) as other:
            assert other.ask("pause")["code"] == "internal"
    assert "Traceback" in caplog.text
    assert "the request pause failed" in caplog.text


BAD = {
    b"": "nonsense",
    b"hello": "nonsense",
    b"\xff\xfe": "nonsense",
    b'{"segblur": 1, "do": "status"': "nonsense",
    b'{"segblur": 1, "do": "effect", "blur": NaN}': "nonsense",
    b'{"segblur": 1, "do": "effect", "blur": 1e999}': "nonsense",
    b"[" * 60000: "nonsense",
    b'{"id":' + b"9" * 5000 + b"}": "nonsense",
    b"[]": "nonsense",
    b'"status"': "nonsense",
    b"null": "nonsense",
    b"{}": "version",
    b'{"do": "status"}': "version",
    b'{"segblur": 2, "do": "status"}': "version",
    b'{"segblur": true, "do": "status"}': "version",
    b'{"segblur": 1.0, "do": "status"}': "version",
    b'{"segblur": 1}': "command",
    b'{"segblur": 1, "do": "stop"}': "command",
    b'{"segblur": 1, "do": ["status"]}': "command",
    b'{"segblur": 1, "do": "status", "id": {}}': "argument",
    b'{"segblur": 1, "do": "status", "id": "' + b"x" * 300 + b'"}': "argument",
    b'{"segblur": 1, "do": "status", "all": true}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur"}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": null}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": {}}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": [1]}': "argument",
    b'{"segblur": 1, "do": "set", "key": ["look.blur"], "value": 1}': "argument",
    b'{"segblur": 1, "do": "watch", "every": 0.1}': "argument",
    b'{"segblur": 1, "do": "watch", "every": 61}': "argument",
    b'{"segblur": 1, "do": "watch", "every": "1"}': "argument",
    b'{"segblur": 1, "do": "watch", "every": true}': "argument",
    b'{"segblur": 1, "do": "effect"}': "argument",
    b'{"segblur": 1, "do": "effect", "blur": 0}': "argument",
    b'{"segblur": 1, "do": "effect", "blur": 1.01}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": 3}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": ""}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": null}': "argument",
    b'{"segblur": 1, "do": "effect", "picture": "beach.jpg"}': "argument",
    b'{"segblur": 1, "do": "effect", "video": "~/sea.mp4"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": ""}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "a\\nb"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "\\u0000"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "\\ud800"}': "argument",
    b'{"segblur": 1, "do": "weights", "use": "mine.safetensors"}': "argument",
    b'{"segblur": 1, "do": "weights", "use": ""}': "argument",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_request_is_refused_before_anybody_is_asked_and_the_next_is_answered(service, line):
    with Caller(service.path) as caller:
        caller.send(line + b"\n")
        reply = caller.hear()
        assert (reply["ok"], reply["code"]) == (False, BAD[line])
        assert reply["error"]
        assert "\n" not in reply["error"]
        assert not service.asked
        assert caller.ask("resume")["ok"]


def test_a_file_whose_name_is_no_text_arrives_as_it_is(service):
    name = os.fsdecode(b"/tmp/\xff.safetensors")
    with Caller(service.path) as caller:
        assert caller.ask("weights", use=name)["ok"]
    assert os.fsencode(service.asked[-1][1]["use"]) == b"/tmp/\xff.safetensors"


def test_no_answer_can_pass_for_another_requests_or_for_a_refusal():
    reply = json.loads(success({"segblur": 9, "id": 5, "ok": False, "state": "live"}, 7))
    assert reply == {"segblur": 1, "id": 7, "ok": True, "state": "live"}


def test_the_range_of_the_effect_is_that_of_the_setting():
    argument = COMMANDS["effect"].arguments["blur"]
    for blur in (argument.least, argument.most):
        LookSettings(blur=blur)
    for blur in (argument.least - 0.001, argument.most + 0.001):
        with pytest.raises(ValueError, match="blur"):
            LookSettings(blur=blur)


def test_a_request_that_is_too_long_is_refused_and_ends_the_connection(service):
    with Caller(service.path) as caller:
        caller.send(b'{"segblur": 1, "id": "' + b"x" * 200_000)
        assert caller.hear()["code"] == "nonsense"
        assert caller.hear() is None
    assert still_answers(service)


def test_the_longest_request_is_answered(service):
    line = json.dumps({"segblur": 1, "do": "camera", "device": "x"}).encode()
    line = line[:-2] + b"x" * (server.LONGEST - len(line)) + line[-2:]
    assert len(line) == server.LONGEST
    with Caller(service.path) as caller:
        caller.send(line + b"\n")
        assert caller.hear()["ok"]


words = st.sampled_from(["segblur", "id", "do", "every", "key", "value", "use", "blur", "x", *COMMANDS])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | words | st.just(1)
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=9)
requests = st.builds(lambda base, rest: base | rest, st.just({"segblur": 1}), st.dictionaries(words, anything))


@given(st.one_of(st.binary(), (requests | anything).map(lambda message: json.dumps(message).encode())))
def test_whatever_a_line_holds_it_is_a_request_or_refused(line):
    try:
        request = parse(line)
    except BadRequestError as error:
        reply = json.loads(refusal(str(error), error.code, error.number), parse_constant=pytest.fail)
        assert reply["code"] in {"nonsense", "version", "command", "argument"}
    else:
        known = COMMANDS[request.do].arguments
        assert {name for name in known if not known[name].optional} <= set(request.arguments) <= set(known)
        for name, value in request.arguments.items():
            assert KINDS[known[name].kind][0](value)
        json.loads(success({}, request.number), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One service for all the examples of a property."""
    with Service(tmp_path_factory.mktemp("run") / "segblur" / "control.sock") as running:
        yield running


LINES = st.lists(
    st.one_of(
        st.binary(max_size=200),
        anything.map(lambda message: json.dumps(message).encode()),
        requests.map(lambda message: json.dumps(message).encode()),
    ),
    max_size=8,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.booleans(), st.integers(0, 8))
def test_whatever_a_client_sends_and_whenever_it_leaves_another_is_answered(lasting, lines, ends_line, heard):
    with Caller(lasting.path) as caller:
        caller.send(b"\n".join(lines) + (b"\n" if ends_line else b""))
        if lines and ends_line:
            for _ in range(min(heard, len(lines))):
                assert caller.hear()["ok"] in (True, False)
        assert still_answers(lasting)
    assert still_answers(lasting)
