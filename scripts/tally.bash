# shellcheck shell=bash
# Adds up the results of test programs, and prints the closing lines. Sourced by scripts/test and scripts/vm.

passed=0 failed=0 skipped=0
failures=()
reasons=()

# Adds up what one `cargo test` printed. libtest counts a skipped test as passed, and prints
# nothing when a test binary crashes: then there are fewer results than announced binaries.
count() { # NAME LOG SKIPS STATUS
  local name=$1 log=$2 skips=$3 status=$4 sums line
  local -i good bad ignored results announced
  sums=$(awk '/^test result: / { good += $4; bad += $6; ignored += $8; results++ }
    /^ +(Running|Doc-tests) / { announced++ }
    END { print good + 0, bad + 0, ignored + 0, results + 0, announced + 0 }' "$log")
  read -r good bad ignored results announced <<<"$sums"
  local -i quiet=0
  while read -r line; do
    reasons+=("$name: $line")
    quiet+=1
  done < <(awk -F ': ' '!seen[$1]++' "$skips")
  while read -r line; do
    failures+=("$name: $line")
  done < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log")
  if ((good + bad + ignored == 0 || results < announced || (status != 0 && bad == 0))); then
    failures+=("$name: did not run to its end (exit status $status)")
    bad+=1
  fi
  passed=$((passed + good - quiet)) failed=$((failed + bad)) skipped=$((skipped + ignored + quiet))
}

list() { # TITLE LINE...
  (($# == 1)) || printf '\n%s\n' "$1"
  shift
  (($# == 0)) || printf '  %s\n' "$@"
}

# Succeeds if nothing failed.
closing() {
  list "Skipped:" "${reasons[@]}"
  list "Failed:" "${failures[@]}"
  echo
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}
