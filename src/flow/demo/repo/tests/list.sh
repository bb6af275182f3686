check "shows an entry" "2024-03-02     49.00  travel     Train" "$(entries | sed -n 2p | list_show '')"
check "shows one category" 2 "$(entries | list_show food | grep -c food)"
