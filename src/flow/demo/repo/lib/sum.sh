# sum_show: the total of each category on standard input, and the total of all.
sum_show() {
    awk -F '\t' '
        { sum[$3] += $2; all += $2 }
        END {
            for (name in sum) printf "%-10s %9.2f\n", name, sum[name] / 100 | "sort"
            close("sort")
            printf "%-10s %9.2f\n", "total", all / 100
        }'
}
