# The words of a verify.sh. Every check is made; only failures are printed, and the exit code is their number.
failures=0
trap 'exit $failures' EXIT

# expect WHAT COMMAND…: the command succeeds.
expect() {
  what=$1; shift
  if answer=$("$@" 2>&1); then return; else fail "$what" "$answer"; fi
}

# refuse WHAT COMMAND…: the command fails.
refuse() {
  what=$1; shift
  if answer=$("$@" 2>&1); then fail "$what" "$answer"; else :; fi
}

# same WHAT WANTED COMMAND…: the command prints this; what it grumbles does not count.
same() {
  what=$1 wanted=$2; shift 2
  answer=$("$@" 2>/dev/null)
  if [ "$answer" = "$wanted" ]; then return; else fail "$what" "wanted $wanted, got $answer"; fi
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
