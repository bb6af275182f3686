# list_show [CATEGORY]: a table of the entries on standard input, of all categories or of one.
list_show() {
    awk -F '\t' -v only="$1" '
        only == "" || only == $3 { printf "%s %9.2f  %-10s %s\n", $1, $2 / 100, $3, $4 }'
}
