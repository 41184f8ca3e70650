# shellcheck shell=bash
# The PKGBUILD: read by makepkg, and its functions carried out on Debian, into a root of Debian whose Python is of the
# same version. A root of Arch can't be had from Debian's mirrors.

try_aur() {
  local folder=$project/packaging/aur root=$work/aur-root
  # shellcheck source=/dev/null
  source "$here/roots.sh"
  needs makepkg=makepkg shellcheck=shellcheck
  unpack_source
  make_mask
  check "shellcheck finds nothing" shellcheck --shell=bash -e SC2034,SC2154,SC2164 "$folder/PKGBUILD"
  check ".SRCINFO says the same as the PKGBUILD" same_srcinfo "$folder"
  fresh_root bookworm "$root" python3
  check "it builds" carry_out build "$folder" "$root"
  check "it packs" carry_out package "$folder" "$root"
  try_program "$root"
}

same_srcinfo() {
  cp -r "$1" "$work/aur" && chmod -R a+rwX "$work" "$work/aur"
  (cd "$work/aur" && setpriv --reuid nobody --clear-groups env PACMAN=true HOME="$work/aur" makepkg --printsrcinfo) >"$work/srcinfo"
  diff "$work/srcinfo" "$1/.SRCINFO"
}

# carry_out FUNCTION FOLDER ROOT: as makepkg does it.
carry_out() {
  ln -sfn source "$work/segblur-$version"
  # shellcheck disable=SC2016
  (cd "$work" && bash -euc 'source "$2/PKGBUILD"; pkgdir=$3; "$1"' bash "$@")
}
