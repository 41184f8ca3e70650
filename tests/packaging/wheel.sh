# shellcheck shell=bash
# The wheel and the sdist: small, equal by both ways, and installed as a user does it, into an empty home.

try_wheel() {
  local dist=$work/dist home=$work/home wheel tool
  uv build -q --out-dir "$dist" "$project"                  # the sdist, and of that the wheel
  uv build -q --wheel --out-dir "$dist/direct" "$project"   # of the checkout
  wheel=$(basename "$dist"/*.whl)
  cp "$dist"/*.whl "$dist"/*.tar.gz "$project/dist"
  check "a wheel built from the sdist is the same as one built from the checkout" cmp "$dist/$wheel" "$dist/direct/$wheel"
  check "the wheel is at most 8 MB" at_most "$(bytes "$dist/$wheel")" 8000000
  check "the sdist is at most 12 MB" at_most "$(bytes "$dist"/*.tar.gz)" 12000000
  echo "          wheel $(bytes "$dist/$wheel") bytes, sdist $(bytes "$dist"/*.tar.gz) bytes"
  check "the README renders" uvx -q twine check --strict "$dist"/*.whl "$dist"/*.tar.gz
  check "the wheel has three packages and nothing else" has_only_packages "$dist/$wheel"

  make_mask
  mkdir "$home"
  tool=$home/.local/share/uv/tools/segblur
  check "uv tool install works in an empty home" at_home "$home" uv tool install -q "$dist/$wheel"
  check "no PyTorch comes with it" not compgen -G "$tool/lib/*/site-packages/torch"
  check "the program starts" at_home "$home" segblur --version
  check "a picture gets the mask that it gets in the checkout" same_mask "$home"
  check "the backgrounds are there" has_backgrounds "$home"
  check "without a service, status is one sentence" one_sentence "$home"
  check "linked as docs/packaging.md says, man finds the page" finds_man_page "$home" "$tool"
  check "uv tool uninstall leaves nothing" leaves_nothing "$home"
}

has_only_packages() {
  python3 - "$1" <<'END'
import sys, zipfile

roots = {name.split("/")[0] for name in zipfile.ZipFile(sys.argv[1]).namelist()}
extra = {root for root in roots if not root.endswith((".dist-info", ".data"))} - {"vcam", "segnet", "training"}
assert not extra, extra
END
}

# A command of a user with this home, who has only uv's cache of before.
at_home() {
  env HOME="$1" PATH="$1/.local/bin:$PATH" XDG_RUNTIME_DIR="$1" UV_CACHE_DIR="$(uv cache dir)" \
    XDG_DATA_HOME= XDG_CONFIG_HOME= XDG_CACHE_HOME= UV_TOOL_DIR= UV_TOOL_BIN_DIR= "${@:2}"
}

same_mask() {
  at_home "$1" segblur image "$project/vcam/sample/known_answer.jpg" -o "$1/out" && cmp "$1/out/known_answer.mask.png" "$work/mask.png"
}

has_backgrounds() {
  [[ $(at_home "$1" segblur gallery list | grep -c "comes with SegBlur") == 6 ]]
}

one_sentence() {
  local said code=0
  said=$(at_home "$1" segblur status 2>&1) || code=$?
  echo "$code: $said"
  [[ $code == 1 && $said == "segblur: "* && $said != *$'\n'* ]]
}

finds_man_page() {
  cp -rs "$2/share/." "$1/.local/share/"
  at_home "$1" env MANPATH= man -w segblur | grep -x "$2/share/man/man1/segblur.1"
  find "$1/.local/share" -lname "$2/share/*" -delete
}

leaves_nothing() {
  at_home "$1" uv tool uninstall -q segblur
  find "$1" -iname '*segblur*' -not -path "$1/.cache/*" | grep . && return 1
  return 0
}
