# shellcheck shell=bash
# Clean roots of Debian, made by debootstrap once a day.

# fresh_root SUITE FOLDER [PACKAGE...]: a minimal Debian, and these packages.
fresh_root() {
  local suite=$1 root=$2 new=$work/new tar mirror
  tar=$cache/$suite$(printf -- '-%s' "${@:3}" | sed 's/^-$//').tar
  needs debootstrap=debootstrap
  if [[ ! $(find "$tar" -mtime -1 2>/dev/null) ]]; then
    rm -rf --one-file-system "$new"
    if (($# == 2)); then
      # shellcheck disable=SC2016
      mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | awk '/debian/ && !/security/ && !found++')}
      debootstrap --variant=minbase "$suite" "$new" "$mirror" >"$work/debootstrap.log"
    else
      fresh_root "$suite" "$new"
      inside "$new" sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends "$@" && apt-get clean' sh "${@:3}" >"$work/apt.log" 2>&1
    fi
    tar cf "$tar.$$" -C "$new" . && mv "$tar.$$" "$tar"
    rm -rf --one-file-system "$new"
  fi
  rm -rf --one-file-system "$root"
  mkdir "$root"
  tar xf "$tar" -C "$root"
  cp /etc/resolv.conf "$root/etc/"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" # it need not survive a power cut
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service is started in there
  chmod +x "$root/usr/sbin/policy-rc.d"
}

# inside ROOT COMMAND...: with /proc and the usual devices, which are gone when the command ends.
inside() {
  unshare --mount --pid --fork --kill-child -- sh -euc '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev"
    for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
      mknod -m 666 "$root/dev/${node% *}" c 1 "${node#* }"
    done
    ln -s /proc/self/fd "$root/dev/fd"
    mkdir -m 1777 "$root/dev/shm"
    exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive "$@"' sh "$@" </dev/null
}

# as_user ROOT COMMAND...: as a user with a home folder and nothing else.
as_user() {
  local root=$1
  mkdir -p "$root/home/tester"
  chown 1000:1000 "$root/home/tester"
  inside "$root" setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/home/tester PATH=/usr/bin:/bin "${@:2}"
}

# The program in a root: all that needs no camera.
try_program() {
  local root=$1
  check "the program starts" as_user "$root" segblur --version
  check "a picture gets the mask that it gets in the checkout" same_mask "$root"
  check "without a service, status is one sentence" one_sentence "$root"
  check "every library finds what it needs of the system" no_library_missing "$root"
  needs desktop-file-validate=desktop-file-utils appstreamcli=appstream
  check "the launcher is valid" desktop-file-validate "$root/usr/share/applications/io.github.segblur.SegBlur.desktop"
  check "software centres can read about it" appstreamcli validate-tree --no-net "$root"
  check "it has its icon" test -s "$root/usr/share/icons/hicolor/scalable/apps/io.github.segblur.SegBlur.svg"
}

same_mask() {
  as_user "$1" segblur image "/usr/lib/segblur/lib/$(ls "$1/usr/lib/segblur/lib")/site-packages/vcam/sample/known_answer.jpg" -o /home/tester/out &&
    cmp "$1/home/tester/out/known_answer.mask.png" "$work/mask.png"
}

one_sentence() {
  local said code=0
  said=$(as_user "$1" segblur status 2>&1) || code=$?
  echo "$code: $said"
  [[ $code == 1 && $said == "segblur: "* && $said != *$'\n'* ]]
}

# But for those that only some hardware has, of which OpenVINO makes do without.
no_library_missing() {
  inside "$1" sh -c "find /usr/lib/segblur -name '*.so*' -type f | xargs -n 50 ldd 2>/dev/null | grep 'not found' | sort -u" >"$work/missing"
  cat "$work/missing"
  not grep -qvE 'libOpenCL|libze_loader' "$work/missing"
}

nothing_named_so() {
  (cd "$1" && find . -xdev -iname '*segblur*' -not -path './proc/*' -not -path './tmp/*') >"$work/left"
  not grep . "$work/left"
}
