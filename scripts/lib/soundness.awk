# The rules of scripts/soundness, for any POSIX awk. Input: Swift files (or, with texts=1, any text for the check on paths).
#
# Each line is read twice: as it stands (`$0`) and as bare code (`code`), without comments, string contents and the
# names between backticks, so that prose never trips a rule about code.

BEGIN {
    # The rooms of docs/architecture.md §4, and which rooms each may import. A new room needs a row here.
    arrows["ApusModel"] = ""
    arrows["ApusPlacement"] = "ApusModel"
    arrows["ApusEngine"] = "ApusModel ApusPlacement"
    arrows["ApusAgent"] = "ApusModel"
    arrows["ApusSimulation"] = "ApusAgent ApusEngine ApusModel ApusPlacement"
    arrows["ApusStore"] = "ApusEngine ApusModel"
    arrows["ApusContainers"] = "ApusModel"
    arrows["ApusClient"] = "ApusModel"
    arrows["ApusTelemetry"] = "ApusModel"
    arrows["ApusExecutor"] = "ApusAgent ApusClient ApusContainers ApusModel ApusTelemetry"
    arrows["ApusController"] = "ApusClient ApusEngine ApusModel ApusPlacement ApusStore ApusTelemetry"
    arrows["ApusTestKit"] = "ApusEngine ApusModel ApusStore"
    arrows["ApusLab"] = "ApusClient ApusModel ApusTestKit"
    arrows["apus-fake-engine"] = "ApusModel"
    arrows["apus-sim"] = "ApusModel ApusSimulation"
    arrows["apus-fuzz"] = "ApusAgent ApusClient ApusContainers ApusController ApusEngine ApusExecutor ApusModel ApusPlacement ApusStore ApusTestKit"
    arrows["apus-bench"] = "ApusClient ApusContainers ApusEngine ApusExecutor ApusLab ApusModel ApusPlacement ApusTelemetry ApusTestKit"
    arrows["apus"] = "*"

    split("ApusModel ApusPlacement ApusEngine ApusAgent ApusSimulation", list, " ")
    for (i in list) pure[list[i]] = 1
    split("Swift OrderedCollections HeapModule HashTreeCollections", list, " ")
    for (i in list) pureImports[list[i]] = 1
    # The simulator may run seeds beside each other; within one seed it is as pure as what it runs.
    parallel["ApusSimulation"] = 1
    # Those that talk to a person.
    split("apus apus-sim apus-fuzz apus-bench", list, " ")
    for (i in list) prints[list[i]] = 1

    # Not part of a longer name.
    before = "(^|[^A-Za-z0-9_])"
    after = "([^A-Za-z0-9_]|$)"
}

FNR == 1 {
    blockDepth = 0
    inLongString = 0
    commentAbove = ""
    # A fixture is named as the file it stands for.
    path = FILENAME
    sub(/\.txt$/, "", path)
    split(path, part, "/")
    area = part[1]
    room = (area == "Sources" || area == "Benchmarks") ? part[2] : ""
    if (!texts) checkFileName(path)
    if (room != "" && !(room in arrows)) report("arrows", room " has no row in scripts/lib/soundness.awk; say what it may import")
}

texts { checkPaths(0); next }

{
    code = bare($0)
    inSources = area == "Sources" || area == "Benchmarks"
    # A reason stands on the line itself, or in the comment right above.
    reason = commentAbove " " comment
    checkPaths(area == "Sources")
    if (code ~ /(^|[ \t])import[ \t]+[A-Za-z_]/) checkImport()
    checkDeclaredName()
    if (room in pure) checkPureTokens()
    if (inSources) checkSources()
    if (area == "Tests") checkTests()
    if (code ~ /^[ \t]*$/) commentAbove = (comment == "") ? "" : commentAbove " " comment
    else commentAbove = ""
}

# MARK: rules

function checkImport(    kind, module, allowed) {
    module = code
    sub(/^.*import[ \t]+/, "", module)
    sub(/^(struct|class|enum|protocol|typealias|func|var|let)[ \t]+/, "", module)
    match(module, /^[A-Za-z0-9_]+/)
    module = substr(module, 1, RLENGTH)
    kind = (module ~ /^Apus/) ? "room" : "foreign"
    if (room != "" && kind == "room" && arrows[room] != "*" && !within(module, arrows[room]))
        report("arrows", room " may not import " module " (docs/architecture.md, section 4)")
    if ((room in pure) && kind == "foreign" && !(module in pureImports))
        report("pure-imports", room " is pure: the standard library and swift-collections only, not " module)
    if (room != "" && code ~ /(package|public)[ \t]+import/ && module ~ /^(GRDB.*|NIO.*|_NIO.*|C[A-Z][A-Za-z]*)$/)
        report("foreign-types", "types of " module " must not show in another room's signatures: import it without `package`")
    if (area == "Tests" && code ~ /@testable/)
        report("test-habits", "no @testable: the release build is tested, through `package` access")
}

function checkPureTokens(    rest) {
    rest = "a pure room gets times, ids and randomness with its input, and never waits or prints"
    if (has(before "(Date|UUID|print)[(]")) report("pure-tokens", rest)
    # A given generator or a given time is an input like any other.
    else if (code ~ /\.(random|randomElement|shuffled?)[ \t]*\(/ && code !~ /using:/) report("pure-tokens", rest)
    else if (has("(^|[^A-Za-z0-9_)\\]])\\.now" after) || has(before "[A-Z][A-Za-z0-9_]*\\.now" after)) report("pure-tokens", rest)
    else if (has(before "(SystemRandomNumberGenerator|ContinuousClock|SuspendingClock)" after)) report("pure-tokens", rest)
    else if (!(room in parallel) && has(before "(async|await|Task)" after)) report("pure-tokens", rest)
}

function checkSources() {
    if (code ~ /(^|[^A-Za-z0-9_])try!/) report("traps", "no `try!`: throw, or handle the error")
    else if (code ~ /[A-Za-z0-9_)\]}?]!([^=]|$)/) report("traps", "no forced unwrap or cast: bind it, or throw")
    if (has(before "fatalError[ \t]*\\(")) report("traps", "no fatalError: a bug is a `precondition` with the state in its message")
    if (code ~ /(^|[^A-Za-z0-9_])try\?/ && reason !~ /[A-Za-z]/)
        report("swallowed-errors", "say in a comment why this error may be dropped, or handle it")
    if (!(room in prints) && has("(^|[^A-Za-z0-9_.])(print|debugPrint)[ \t]*\\("))
        report("print", "no print here: only the command line prints")
    if ((has(before "Task[ \t]*([{]|\\.detached|\\.immediate)") || has(before "Task[ \t]*<.*>[ \t]*[{]")) && reason !~ /proof:/)
        report("proof", "a task that nobody awaits: use a task group, or say `proof:` who awaits or cancels it")
    if ((has("@unchecked" after) || has("nonisolated\\(unsafe\\)")) && reason !~ /proof:/)
        report("proof", "say `proof:` in the comment above why this is safe")
}

function checkTests() {
    if (has(before "(sleep|usleep|nanosleep)[ \t]*\\(") && reason !~ /deadline:/)
        report("test-habits", "no sleep in a test: wait for a condition; its pause says `deadline:` what bounds it")
}

function checkDeclaredName(    name) {
    if (match(code, /(^|[ \t])(struct|class|enum|actor|protocol|typealias|func|extension)[ \t]+[A-Za-z_][A-Za-z0-9_.]*/) == 0) return
    name = substr(code, RSTART, RLENGTH)
    if (name ~ /extension[ \t]/) return
    sub(/^.*[ \t]/, "", name)
    if (vague(name)) report("names", name ": name what it is, not that it helps or manages")
}

function checkFileName(path,    name) {
    name = path
    sub(/^.*\//, "", name)
    if (vague(name)) report("names", name ": name what is in it")
}

function vague(name) {
    gsub(/Utili[sz]/, "", name)
    return name ~ /Manager|Helper|Util/
}

# Places of a machine that nobody else has. In Sources, a literal under /tmp too.
function checkPaths(literalsToo) {
    if ($0 ~ /(^|[^A-Za-z0-9_.\/-])\/(work\/|opt\/swift)/) report("paths", "the path of one machine")
    else if (literalsToo && $0 ~ /"[^"]*\/tmp\//) report("paths", "no fixed path under /tmp: take it from the configuration")
}

# MARK: words

function has(pattern) { return code ~ pattern }

function within(word, words) { return index(" " words " ", " " word " ") > 0 }

function report(check, message) { print FILENAME ":" FNR ": " check ": " message }

# The line without comments, string contents and names in backticks; sets `comment`. Keeps state over lines for
# /* */ (which nests) and """ strings. An interpolation counts as string.
function bare(line,    out, rest, hashes) {
    out = ""
    comment = ""
    while (line != "") {
        if (blockDepth > 0) {
            if (match(line, /\/\*|\*\//) == 0) { comment = comment line; return out }
            blockDepth += substr(line, RSTART, 2) == "/*" ? 1 : -1
            comment = comment substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + 2)
        } else if (inLongString) {
            rest = index(line, longEnd)
            if (rest == 0) return out
            if (substr(line, rest - 1, 1) == "\\" && longEnd == "\"\"\"") { line = substr(line, rest + 3); continue }
            inLongString = 0
            out = out "\""
            line = substr(line, rest + length(longEnd))
        } else if (match(line, /\/\/|\/\*|#*"|`/) == 0) {
            return out line
        } else {
            out = out substr(line, 1, RSTART - 1)
            rest = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (rest == "//") { comment = comment line; return out }
            if (rest == "/*") { blockDepth = 1; continue }
            if (rest == "`") { sub(/^[^`]*`/, "", line); out = out "name"; continue }
            hashes = substr(rest, 1, length(rest) - 1)
            if (substr(line, 1, 2) == "\"\"") {
                inLongString = 1
                longEnd = "\"\"\"" hashes
                line = substr(line, 3)
                out = out "\""
                continue
            }
            line = afterString(line, hashes)
            out = out "\"\""
        }
    }
    return out
}

# What follows a string on one line, past interpolations and the strings inside them.
function afterString(line, hashes,    i, c, depth, end) {
    end = "\"" hashes
    depth = 0
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (depth == 0) {
            if (substr(line, i, length(end)) == end) return substr(line, i + length(end))
            if (c == "\\" && substr(line, i + 1, length(hashes)) == hashes) {
                i += length(hashes) + 1
                if (substr(line, i, 1) == "(") depth = 1
            }
        } else if (c == "\"") {
            line = substr(line, 1, i) afterString(substr(line, i + 1), "")
        } else if (c == "(") depth++
        else if (c == ")") depth--
    }
    return ""
}
