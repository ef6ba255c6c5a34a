# Reads the output of `swift test` and of scripts/soundness: counts what passed, failed and was skipped, and writes one
# line `seconds<TAB>name` per timed test to `times`. Prints `passed failed skipped run`; `run` is how many tests
# Swift Testing itself says that it ran. What failed, and why, goes to `failures`, so that it can be said once more at the
# end: whoever reads only the last lines of a long run must learn it. For any POSIX awk.

# Several lines may have run into one when a test printed without a newline: look anywhere in it.
{
    line = $0
    if (match(line, /Test run with [0-9]+ tests? .*(passed|failed) after/)) {
        split(substr(line, RSTART), word, " ")
        run += word[4]
        next
    }
    if (match(line, /(✔|✘) (Check|Fixture) [A-Za-z-]+ (passed|failed)/)) {
        if (substr(line, RSTART, RLENGTH) ~ /passed$/) passed++
        else { failed++; keep(line) }
        next
    }
    if (line ~ /✘ (Test|Suite) .* recorded an issue/) keep(line)
    # Not the cases of a test with arguments, and not the issues on the way.
    if (match(line, /(✔|✘) Test .* (passed|failed) after [0-9.]+ seconds/) && line !~ /(✔|✘) Test case /) {
        text = substr(line, RSTART, RLENGTH)
        match(text, / (passed|failed) after [0-9.]+ seconds$/)
        name = substr(text, 1, RSTART - 1)
        outcome = substr(text, RSTART)
        sub(/^(✔|✘) Test /, "", name)
        sub(/ with [0-9]+ test cases?$/, "", name)
        if (outcome ~ /^ passed/) passed++
        else { failed++; keep(line) }
        split(outcome, word, " ")
        if (times != "") printf "%s\t%s\n", word[3], name > times
        next
    }
    if (line ~ /➜ Test .* skipped/ && line !~ /➜ Test case /) {
        print line > "/dev/stderr"
        skipped++
    }
}

function keep(line) {
    if (failures != "") print substr(line, 1, 600) > failures
}

END { printf "%d %d %d %d\n", passed, failed, skipped, run }
