# balance_show CENTS: the entries on standard input, and what each leaves of a budget of CENTS.
balance_show() {
    awk -F '\t' -v left="$1" '
        { left -= $2; printf "%s %9.2f %9.2f  %s\n", $1, $2 / 100, left / 100, $4 }'
}
