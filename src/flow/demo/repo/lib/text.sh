# Categories and notes.

# text_clean TEXT: TEXT as it is stored. A tab would start a new field.
text_clean() {
    printf '%s' "$1" | tr '\t' ' '
}
