# Dates are written 2024-03-01.

# date_days YEAR MONTH: how many days that month has.
date_days() {
    case $2 in
    02) echo 28 ;;
    04 | 06 | 09 | 11) echo 30 ;;
    *) echo 31 ;;
    esac
}

# date_valid TEXT: is there such a day?
date_valid() (
    case $1 in
    [12][0-9][0-9][0-9]-0[1-9]-[0-3][0-9]) ;;
    [12][0-9][0-9][0-9]-1[0-2]-[0-3][0-9]) ;;
    *) return 1 ;;
    esac
    year=${1%%-*}
    day=${1##*-}
    month=${1#*-}
    month=${month%-*}
    [ "$day" -ge 1 ] && [ "$day" -le "$(date_days "$year" "$month")" ]
)
