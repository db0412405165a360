# The words of a verify.sh. Every check is made; only failures are printed, and the exit code is their number.
failures=0 what=
# Nobody answers a question here: what asks one must not wait for it.
exec </dev/null
export DEBIAN_FRONTEND=noninteractive
trap 'exit $failures' EXIT
trap 'fail "${what:-before the first check}" "the time was up then, or after it"; exit' TERM

# expect WHAT COMMAND…: the command succeeds.
expect() {
  what=$1; shift
  answer=$("$@" 2>&1) || fail "$what" "$answer"
}

# refuse WHAT COMMAND…: the command fails.
refuse() {
  what=$1; shift
  ! answer=$("$@" 2>&1) || fail "$what" "it succeeded: $answer"
}

# same WHAT WANTED COMMAND…: the command prints this; what it grumbles does not count.
same() {
  what=$1 wanted=$2; shift 2
  answer=$("$@" 2>/dev/null)
  [ "$answer" = "$wanted" ] || fail "$what" "wanted $wanted, got $answer"
}

# has WHAT PART COMMAND…: the command prints this among other things.
has() {
  what=$1 part=$2; shift 2
  answer=$("$@" 2>&1)
  case $answer in *"$part"*) ;; *) fail "$what" "wanted $part in: $answer" ;; esac
}

fail() {
  failures=$((failures + 1))
  echo "FAILED: $1: $2"
}
