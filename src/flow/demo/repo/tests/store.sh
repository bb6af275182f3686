check "is empty at first" "" "$(store_read)"

store_add 2024-03-01 1250 food Lunch
check "reads what was added" "$(entries | head -n 1)" "$(store_read)"
