check "turns tabs into spaces" "a b" "$(text_clean "$(printf 'a\tb')")"
check "keeps quotes and stars" "it's *new*" "$(text_clean "it's *new*")"
