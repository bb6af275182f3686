# The file with the entries, a line each: date, cents, category and note, separated by tabs.

# store_add DATE CENTS CATEGORY NOTE: appends an entry.
store_add() {
    printf '%s\t%s\t%s\t%s\n' "$@" >> "$TALLY_FILE"
}

# store_read: all entries in the order of their dates.
store_read() {
    [ ! -f "$TALLY_FILE" ] || sort "$TALLY_FILE"
}
