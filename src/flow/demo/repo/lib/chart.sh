# chart_show: a bar for each category on standard input, with a mark for every 5.00.
chart_show() {
    awk -F '\t' '
        { sum[$3] += $2 }
        END {
            for (name in sum) {
                bar = ""
                for (n = 500; n <= sum[name]; n += 500) bar = bar "#"
                printf "%-10s %s\n", name, bar
            }
        }' | sort
}
