# shellcheck shell=bash
# The .deb: built in a root of its release, judged by lintian, installed into another, upgraded, removed, purged.

try_deb() {
  needs dpkg-deb=dpkg
  ((${#suites[@]})) || suites=(trixie bookworm)
  # shellcheck source=/dev/null
  source "$here/roots.sh"
  unpack_source
  make_mask
  for suite in "${suites[@]}"; do
    echo "$suite:"
    build_deb "$suite"
    [[ ! -f $deb ]] || try_one_deb "$suite"
  done
}

# build_deb SUITE: leaves the .deb in $deb, and the root that it was built in at $work/build.
build_deb() {
  local root=$work/build source=$work/build/build/segblur suite=$1 python compression
  fresh_root "$suite" "$root" debhelper dpkg-dev python3 lintian
  python=$(inside "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  mkdir "$root/build"
  cp -a "$work/source" "$source"
  "$source/packaging/vendor" "$python" "$source/vendored"
  cp -a "$source/packaging/debian" "$source/debian"
  sed -i "1s/)/~${suite}1)/; 1s/unstable/$suite/" "$source/debian/changelog"
  mapfile -t compression < <(env | grep ^DPKG_DEB_)
  SECONDS=0
  # --no-check-builddeps, because dpkg always wants a compiler, of which there is no need.
  check "it builds" inside "$root" env -C /build/segblur "${compression[@]}" \
    dpkg-buildpackage -b -us -uc --no-check-builddeps
  echo "          in $SECONDS s"
  deb=$(echo "$root"/build/segblur_*.deb)
}

try_one_deb() {
  local root=$work/clean name
  name=$(basename "$deb")
  cp "$deb" "$project/dist"
  check "it is at most 160 MB" at_most "$(bytes "$deb")" 160000000
  check "it takes at most 500 MB installed" at_most "$(dpkg-deb -f "$deb" Installed-Size)" 500000
  echo "          $(bytes "$deb") bytes, installed $(dpkg-deb -f "$deb" Installed-Size) kB"
  rm -rf --one-file-system "$root"
  fresh_root "$1" "$root"
  cp "$deb" "$root/tmp/"
  inside "$root" apt-get update -q >"$work/apt.log"
  check "it installs" inside "$root" apt-get install -y -q --no-install-recommends "/tmp/$name"
  try_program "$root"
  check "setup leaves alone what the package has" setup_writes_no_file_of_the_package "$root"
  [[ $1 == bookworm ]] || check "the window names the packages of Qt, and finds it then" finds_qt "$root" # bookworm has none
  check "a later version replaces it" upgrades "$root" "$name"
  try_program "$root"
  printf '# made by segblur setup, sha256 ...\n' >"$root/etc/modprobe.d/segblur.conf"
  mkdir -p "$root/etc/modules-load.d" # bookworm has it only with systemd
  echo mine >"$root/etc/modules-load.d/segblur.conf"
  check "it can be removed" inside "$root" apt-get remove -y -q segblur
  check "after that the program is gone" not test -e "$root/usr/lib/segblur" -o -e "$root/usr/bin/segblur"
  check "it can be purged" inside "$root" apt-get purge -y -q segblur
  check "what setup wrote is purged, too" not test -e "$root/etc/modprobe.d/segblur.conf"
  check "a file of the person's own stays" grep -q mine "$root/etc/modules-load.d/segblur.conf"
  rm "$root/etc/modules-load.d/segblur.conf"
  rm -rf "$root/home/tester"
  check "nothing else is left" nothing_named_so "$root"
  check "lintian finds no error that is not explained" inside "$work/build" lintian --fail-on error --tag-display-limit 0 "/build/$name"
}

setup_writes_no_file_of_the_package() {
  local script
  script=$(as_user "$1" segblur setup --print)
  echo "$script"
  [[ $script == *v4l2loopback-dkms* && $script != *61-segblur.rules* && $script != *systemd/user/segblur.service* &&
    $script != *applications/io.github.segblur* ]]
}

finds_qt() {
  local said
  said=$(as_user "$1" segblur panel 2>&1) && return 1
  echo "$said"
  [[ $said == *'install it with: sudo apt install '* ]] || return 1
  # shellcheck disable=SC2086 # several words
  inside "$1" apt-get install -y -q --no-install-recommends ${said##*install }
  as_user "$1" /usr/lib/segblur/bin/python -c 'import PySide6.QtNetwork, PySide6.QtSvg, PySide6.QtWidgets'
}

# The same files as the next version, packed without compression.
upgrades() {
  local next=$work/next
  rm -rf "$next"
  dpkg-deb -R "$deb" "$next"
  sed -i 's/^Version: .*/&+next/' "$next/DEBIAN/control"
  dpkg-deb -Znone --root-owner-group -b "$next" "$1/tmp/next.deb"
  rm -rf "$next"
  inside "$1" apt-get install -y -q --no-install-recommends /tmp/next.deb
  rm "$1/tmp/next.deb"
  inside "$1" dpkg-query -W -f '${Version}' segblur | grep next
}
