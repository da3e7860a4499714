# Writes manual pages into `directory`: antpool(3) with the comment at the head of antpool.h, one page
# for each group, and for each function a page that leads to that of its group.
#
#     awk -v directory=DIR -v version=0.1.0 -f header.awk -f man.awk groups.txt antpool.h

function output(    i, g, m, n, page, list, name, rest) {
    page = begin("antpool", "a pool of fixed capacity that runs functions on recycled workers")
    print ".SH SYNOPSIS\n.nf\n.B #include <antpool.h>\n.PP\n" \
        ".B cc ... $(pkg\\-config \\-\\-cflags \\-\\-libs antpool)\n.fi\n.SH DESCRIPTION" > page
    pending = 0
    for (i = 1; i <= heads; i++) {
        if (head[i] ~ /^antpool\.h: / || i < 4 && head[i] == "") continue
        if (head[i] ~ /"usual" stands/) section("What each function says", page)
        if (head[i - 1] == "" && match(head[i], /^[A-Za-z]+(\(\))?\.( |$)/)) {
            rest = substr(head[i], RLENGTH + 1)
            section(substr(head[i], 1, index(head[i], ".") - 1), page)
            if (rest == "") continue
            head[i] = rest
        }
        line(head[i], page)
    }
    finish(page, "")

    for (g = 1; g <= n_groups; g++) {
        page = begin(groups[g], title[groups[g]])
        print ".SH SYNOPSIS\n.nf\n.B #include <antpool.h>\n.fi" > page
        n = split(members[groups[g]], list)
        for (m = 1; m <= n; m++)
            if (declaration[list[m]] !~ /[{]|^#if/) synopsis(declaration[list[m]], page)
        print ".SH DESCRIPTION" > page
        for (m = 1; m <= n; m++) {
            name = list[m]
            section(name (name in is_function ? "()" : ""), page)
            describe(comment[name], page)
            if (declaration[name] ~ /[{]\n/) fields(declaration[name], page)
            if (!(name in is_function)) continue
            print ".so man3/" groups[g] ".3" > (directory "/" name ".3")
            close(directory "/" name ".3")
        }
        finish(page, groups[g])
    }
}

function begin(name, what,    page) {
    page = directory "/" name ".3"
    print ".TH " name " 3 \"\" \"antpool " version "\" \"antpool\"" > page
    print ".SH NAME\n" name " \\- " what > page
    return page
}

function finish(page, own,    g, others) {
    close_block(page)
    others = own == "" ? "" : "antpool "
    for (g = 1; g <= n_groups; g++) if (groups[g] != own) others = others groups[g] " "
    gsub(/ $/, "", others)
    gsub(/ /, " (3),\n.BR ", others)
    print ".SH SEE ALSO\n.BR " others " (3)" > page
    close(page)
}

function section(heading, page) {
    close_block(page)
    print ".SS " heading > page
    pending = 0
}

# ---- Declarations --------------------------------------------------------------------------------

function synopsis(code, page,    lines, n, i) {
    gsub(/ANTPOOL_(API|MUST_USE)[ \n]/, "", code)
    n = split(code, lines, "\n")
    print ".PP\n.nf" > page
    for (i = 1; i <= n; i++) if (lines[i] != "") print "\\fB" literal(lines[i]) "\\fR" > page
    print ".fi" > page
}

# The fields of a struct, or the values of an enum, each with its comment.
function fields(code, page,    lines, n, i, text) {
    n = split(code, lines, "\n")
    for (i = 1; i <= n; i++) {
        if (lines[i] ~ /^    \/\*\*$/) text = ""
        else if (lines[i] ~ /^     \* /) text = text substr(lines[i], 8) "\n"
        else if (lines[i] ~ /^    [a-zA-Z]/) {
            sub(/^ +/, "", lines[i])
            sub(/[,;]$/, "", lines[i])
            print ".TP\n\\fB" literal(lines[i]) "\\fR" > page
            printf "%s", prose(text) > page
        }
    }
}

# ---- Comments ------------------------------------------------------------------------------------

function describe(text, page,    lines, n, i) {
    n = split(text, lines, "\n")
    for (i = 1; i < n; i++) {
        if (lines[i] == "# Safety") {
            close_block(page)
            print ".PP\nPreconditions:" > page
            pending = 0
        } else if (lines[i] !~ /^# /) line(lines[i], page)
    }
    close_block(page)
}

# One line of a comment. `block` is what the lines before it have begun: a list, or what is to keep its
# lines.
function line(text, page,    term) {
    if (text == "") {
        pending = 1
        return
    }
    if (text ~ /^  (  |[a-z])/ && block != "list") {
        if (block != "kept") print ".PP\n.nf" > page
        else if (pending) print "" > page
        block = "kept"
        print literal(text) > page
        pending = 0
        return
    }
    if (text ~ /^- /) {
        if (block == "kept") close_block(page)
        block = "list"
        pending = 0
        text = substr(text, 3)
        if (match(text, /^(`[a-z_]+`|ANTPOOL_(OK|ERR_[A-Z_]+)): /)) {
            term = RLENGTH
            print ".TP\n" prose(substr(text, 1, term - 2)) > page
            text = substr(text, term + 1)
        } else print ".IP \\(bu 2" > page
        print prose(text) > page
        return
    }
    if (block == "list" && text ~ /^  /) sub(/^ +/, "", text)
    else if (block != "") close_block(page)
    if (pending) print ".PP" > page
    pending = 0
    print prose(text) > page
}

function close_block(page) {
    if (block == "kept") print ".fi" > page
    if (block != "") pending = 1
    block = ""
}

# ---- Characters ----------------------------------------------------------------------------------

function literal(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

# With `code` and *emphasis*, and the names of functions.
function prose(text,    before) {
    text = literal(text)
    while (match(text, /`[^`]+`/))
        text = substr(text, 1, RSTART - 1) "\\fI" substr(text, RSTART + 1, RLENGTH - 2) "\\fR" \
            substr(text, RSTART + RLENGTH)
    while (match(text, /\*[a-z]+\*/))
        text = substr(text, 1, RSTART - 1) "\\fI" substr(text, RSTART + 1, RLENGTH - 2) "\\fR" \
            substr(text, RSTART + RLENGTH)
    gsub(/antpool_[a-z_]+\(\)/, "\\fB&\\fR", text)
    return text
}
