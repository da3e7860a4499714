#!/bin/sh
# Does what a section of a page says, as its reader would: in an empty directory, file after file
# and command after command.
#
#     page.sh PAGE SECTION WORK_DIR PREFIX SOURCE
#
# A block of code after a line that ends in "`NAME`:" is the file NAME. A block of sh is run, with
# PREFIX and SOURCE in place of the words PREFIX and ANTPOOL. A block of text is what the commands
# before it have printed last.
set -eu
page=$1 section=$2 work_dir=$3 prefix=$4 source=$5

rm -rf "$work_dir"
mkdir -p "$work_dir"
cd "$work_dir"

awk -v section="$section" '
    /^```/ && inside { if (to) close(to); inside = 0; next }
    inside { if (to) print > to; next }
    /^#+ / { here = ($0 == section); next }
    !here { next }
    /^```/ {
        inside = 1
        language = substr($0, 4)
        to = ""
        if (language == "sh") to = sprintf("step-%02d.sh", ++steps)
        else if (language == "text") to = sprintf("step-%02d.txt", steps)
        else if (name != "") to = name
        if (to) printf "" > to
        next
    }
    NF { name = match($0, /`[^`]+`:$/) ? substr($0, RSTART + 1, RLENGTH - 3) : "" }
' "$page"

[ -e step-01.sh ] || { echo "$page has no commands in: $section" >&2; exit 1; }
compared=0
for step in step-*.sh; do
    sed -i -e "s|PREFIX\\b|$prefix|g" -e "s|\\bANTPOOL/|$source/|g" "$step"
    sh -eux "$step" >"$step.printed"
    expected=${step%.sh}.txt
    [ -e "$expected" ] || continue
    tail -n "$(wc -l <"$expected")" "$step.printed" | diff "$expected" - || {
        echo "$page, $section: < is what it says, > what was printed" >&2
        exit 1
    }
    compared=1
done
[ "$compared" = 1 ] || { echo "$page does not say what is printed by: $section" >&2; exit 1; }
