# Writes antpool.h the way Doxygen wants it: the comment at its head is the main page, what is declared
# joins its group, and what stands under a heading gets the command for it.

function output(    i, g, lines, n, at, name, in_table) {
    print "/** @mainpage antpool"
    for (i = 1; i <= heads; i++) {
        # A paragraph that begins with one word and a full stop has that word as its heading.
        if (head[i - 1] == "" && match(head[i], /^[A-Za-z]+(\(\))?\.( |$)/)) {
            comment_line("## " substr(head[i], 1, index(head[i], ".") - 1) "\n *")
            head[i] = substr(head[i], RLENGTH + 1)
        }
        if (head[i] ~ /"usual" stands/) {
            comment_line("## What each function returns\n *")
            in_table = 1
        }
        comment_line((in_table && head[i] ~ /^  / ? "  " : "") head[i])
    }
    print " */"
    for (g = 1; g <= n_groups; g++)
        print "/** @defgroup " groups[g] " " toupper(substr(title[groups[g]], 1, 1)) \
            substr(title[groups[g]], 2) " */"
    for (i = 1; i <= count; i++) {
        name = names[i]
        print "/**"
        n = split(comment[name], lines, "\n")
        for (at = 1; at <= n; at++) comment_line(commands(lines[at]))
        comment_line("@ingroup " group_of[name] "\n */")
        print declaration[name] ~ /^#if/ ? "#define " name : declaration[name]
    }
}

function comment_line(text) {
    print " * " text
}

function commands(text) {
    if (text == "# Parameters" || text == "# Returns") return ""
    if (text == "# Safety") return "@pre"
    if (text ~ /^- `[a-z_]+`: /) {
        sub(/^- `/, "@param ", text)
        sub(/`:/, "", text)
    } else if (text ~ /^- ANTPOOL_(OK|ERR_[A-Z_]+): /) {
        sub(/^- /, "@retval ", text)
        sub(/:/, "", text)
    }
    return text
}
