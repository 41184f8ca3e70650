"""A stand-in for pkexec(1), for machines made of files."""

# $PKEXEC says what becomes of it. It starts the shell as the real one does: without the user's environment, and with a
# PATH of its own. The shell that is to be root's is $ROOT_SHELL; its number is left in $ROOT/shell.
PKEXEC = """#!/bin/sh
echo "pkexec $*" >>"$LOG"
[ "$*" = "--disable-internal-agent /bin/sh -s" ] || exit 99
case $PKEXEC in
  dismissed) exit 126 ;;
  refused) echo "Error executing command as another user: No authentication agent found." >&2; exit 127 ;;
  broken) exit 5 ;;
  asks) read -r _ <"$ROOT/asks" ;;
esac
echo $$ >"$ROOT/shell"
cd /
exec env -i PATH="$ROOT_PATH" LOG="$LOG" ROOT="$ROOT" ${ROOT_SHELL:-/bin/sh} -s
"""
