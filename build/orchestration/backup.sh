#!/bin/sh
# A backup of one moment, read again to its end once it is written. Behind a good one, those older than KEEP_DAYS (default 7) are removed.
# Usage: backup.sh FOLDER [daily]: `daily` goes on, once a day, until it is told to stop. HOLDFAST_BACKUP_KEY_FILE names the key that encrypts it.
set -u
folder=${1:?Usage: backup.sh FOLDER [daily]}
holdfast() { node "$(dirname "$0")/../../apps/cli/bin/holdfast.js" "$@"; }

backup() {
  file="$folder/holdfast-$(date -u +%Y-%m-%dT%H-%M-%SZ).backup"
  holdfast backup "$file" \
    && holdfast backup verify "$file" \
    && find "$folder" -name 'holdfast-*.backup' -mtime "+${KEEP_DAYS:-7}" -delete
}

[ "${2:-}" = daily ] || { backup; exit; }
trap 'exit 0' TERM INT
while :; do
  # One that failed is tried again soon; the log says why it did.
  if backup; then pause=86400; else pause=600; fi
  sleep "$pause" &
  wait $!
done
