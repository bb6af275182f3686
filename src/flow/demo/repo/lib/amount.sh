# Amounts are kept in cents.

# amount_cents TEXT: the cents of 12.50 or 12. Fails if TEXT is something else.
amount_cents() {
    printf '%s\n' "$1" | awk '
        !/^[0-9]+(\.[0-9][0-9])?$/ { exit 1 }
        { printf "%.0f\n", $1 * 100 }'
}

# amount_show CENTS: 1250 as 12.50.
amount_show() {
    printf '%d.%02d\n' "$(($1 / 100))" "$(($1 % 100))"
}
