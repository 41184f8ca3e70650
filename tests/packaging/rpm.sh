# shellcheck shell=bash
# The RPM: built and judged on Debian, and tried in a root of Debian, whose Python is of the same version. A root of
# Fedora can't be had from Debian's mirrors.

try_rpm() {
  local top=$work/rpm root=$work/rpm-root python rpm
  # shellcheck source=/dev/null
  source "$here/roots.sh"
  needs rpmbuild=rpm rpmlint=rpmlint
  unpack_source
  make_mask
  python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  mkdir -p "$top/SOURCES"
  cp -a "$work/source" "$top/segblur-$version"
  "$top/segblur-$version/packaging/vendor" "$python" "$top/segblur-$version/vendored"
  tar cf "$top/SOURCES/segblur-$version.tar.gz" -C "$top" "segblur-$version"
  check "it builds" rpmbuild -bb --nodeps --define "_topdir $top" \
    --define "_binary_payload ${RPM_PAYLOAD:-w19.zstdio}" "$project/packaging/rpm/segblur.spec"
  rpm=$(echo "$top"/RPMS/x86_64/segblur-*.rpm)
  cp "$rpm" "$project/dist"
  check "it is at most 160 MB" at_most "$(bytes "$rpm")" 160000000
  echo "          $(bytes "$rpm") bytes"
  check "rpmlint finds no error that is not explained" rpmlint -c "$project/packaging/rpm/rpmlint.toml" \
    "$project/packaging/rpm/segblur.spec" "$rpm"
  fresh_root bookworm "$root" python3
  check "it installs" rpm --root "$root" -i --nodeps --noscripts "$rpm"
  try_program "$root"
  rm -rf "$root/home/tester"
  check "it can be removed" rpm --root "$root" -e --noscripts segblur
  check "nothing is left" nothing_named_so "$root"
}
