#!/usr/bin/env bash
@what@
# Can be run again: what is there stays, and what changed is changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
@region@
export AWS_PAGER='' # nobody waits for a key
new=$(mktemp)
fill=$(mktemp)
trap 'rm -f -- "$new" "$fill"' EXIT
