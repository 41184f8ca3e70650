"""Properties of writing one setting, for any file and any value."""

import tomllib

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.helpers.config_file import write
from vcam.control.config_file import set_setting, unset_setting
from vcam.errors import SettingsError
from vcam.settings import config_path, fields, load_settings

same_folder = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


GOOD = {
    "camera.device": st.sampled_from(["auto", "c920", "/dev/video2"]),
    "camera.fps": st.integers(5, 120),
    "output.label": st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters=","), min_size=1, max_size=31
    ).filter(lambda text: text.strip() and len(text.encode()) <= 31),
    "output.width": st.integers(80, 1920).map(lambda n: 2 * n),
    "look.blur": st.floats(0.2, 1.0),
    "network.size": st.sampled_from(["fast", "fine"]),
    "network.keep": st.lists(st.sampled_from(["person", "cat", "dog"]), min_size=1, max_size=3),
    "network.threads": st.integers(1, 64),
}


comments = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20).map(lambda text: f"# {text}")


pairs = st.sampled_from(sorted(GOOD)).flatmap(lambda key: st.tuples(st.just(key), GOOD[key]))


def toml(value):
    """As a person may write it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[ {', '.join(map(toml, value))}, ]" if isinstance(value, list) else repr(value)


@st.composite
def trees(draw):
    """A file's text, with comments and blank lines anywhere."""
    lines, values = draw(st.lists(comments, max_size=2)), dict(draw(st.lists(pairs, max_size=6)))
    for section in draw(st.permutations(sorted({key.split(".")[0] for key in values}))):
        lines += [*draw(st.lists(st.one_of(comments, st.just("")), max_size=2)), f"[{section}] {draw(comments)}"]
        for key in draw(st.permutations(sorted(key for key in values if key.startswith(section)))):
            lines += draw(st.lists(comments, max_size=1))
            lines.append(f"{key.split('.')[1]} = {toml(values[key])} {draw(st.one_of(comments, st.just('')))}")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@same_folder
@given(trees(), pairs)
def test_any_tree_keeps_its_comments_and_values_when_one_changes(text, pair):
    key, value = pair
    section, name = key.split(".")
    write(text)
    before = tomllib.loads(text)
    set_setting(config_path(), key, value)
    after = config_path().read_bytes().decode()
    before.setdefault(section, {})[name] = value
    assert tomllib.loads(after) == before
    old = text.splitlines()
    kept = [line for line in old if not line.strip().startswith(f"{name} = ")]
    rest = iter(after.splitlines())
    assert all(line in rest for line in kept), "a line is lost or has moved"
    if " # " not in toml(value):
        for line in old:
            if line.startswith(f"{name} = ") and line.count("#") == 1:
                assert line.partition("#")[2].strip() in after


@same_folder
@given(trees(), pairs)
def test_taking_a_key_out_of_any_tree_leaves_all_others(text, pair):
    section, name = pair[0].split(".")
    write(text)
    wanted = tomllib.loads(text)
    wanted.get(section, {}).pop(name, None)
    unset_setting(config_path(), pair[0])
    assert tomllib.loads(config_path().read_bytes().decode()) == wanted


@same_folder
@given(st.one_of(st.binary(max_size=80), st.text("[]{}=.,'\"#\n look blur 0.5", max_size=60).map(str.encode)), pairs)
def test_no_file_whatever_gives_anything_but_a_changed_file_or_one_sentence(data, pair):
    write(data)
    for change in (lambda: set_setting(config_path(), *pair), lambda: unset_setting(config_path(), pair[0])):
        before = config_path().read_bytes()
        try:
            change()
        except SettingsError as error:
            assert str(error)
            assert config_path().read_bytes() == before
        else:
            load_settings()
    assert [path.name for path in config_path().parent.iterdir()] == ["config.toml"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner),
    max_leaves=4,
)


@same_folder
@given(st.sampled_from([f"{section}.{name}" for section, name, _ in fields()]), anything)
def test_no_value_whatever_gives_anything_but_a_good_file_or_one_sentence(key, value):
    if config_path().exists():
        config_path().unlink()
    try:
        set_setting(config_path(), key, value)
    except SettingsError as error:
        assert "\n" not in str(error)
        assert not config_path().exists()
    else:
        load_settings()
