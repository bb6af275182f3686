check "adds up each category" "food           20.50" "$(entries | sum_show | head -n 1)"
check "ends with the total" "total          69.50" "$(entries | sum_show | tail -n 1)"
