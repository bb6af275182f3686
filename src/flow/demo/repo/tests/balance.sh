check "takes each entry off" "2024-03-05      8.00     30.50  Bread" "$(entries | balance_show 10000 | tail -n 1)"

sh bin/tally add -d 2024-03-02 49 travel Train > /dev/null
sh bin/tally add -d 2024-03-01 12.50 food Lunch > /dev/null
check "goes from the first day to the last" "\
2024-03-01     12.50     87.50  Lunch
2024-03-02     49.00     38.50  Train" "$(sh bin/tally balance 100)"
