check "draws a mark for every 5.00" "food       ####" "$(entries | chart_show | head -n 1)"
