# Writes manual pages into `directory`: antpool(3) with the comment at the head of antpool.h, one page
# for each group with a program of the directory `examples`, and for each function and each type a page
# that leads to that of its group.
#
#     awk -v directory=DIR -v version=0.1.0 -v examples=DIR \
#         -f header.awk -f roff.awk -f man.awk groups.txt antpool.h

function output(    i, g, m, n, page, list, name) {
    page = begin("antpool", "a pool of fixed capacity that runs functions on recycled workers")
    print ".SH SYNOPSIS\n.nf\n.B #include <antpool.h>\n.PP\n" \
        ".B cc ... $(pkg\\-config \\-\\-cflags \\-\\-libs antpool)\n.fi\n.SH DESCRIPTION" > page
    for (i = 1; i <= heads; i++) {
        if (head[i] ~ /^antpool\.h: / || i < 4 && head[i] == "") continue
        if (head[i] ~ /"usual" stands/) section("What each function returns", page)
        if (head[i - 1] == "" && match(head[i], /^[A-Za-z]+(\(\))?\.( |$)/)) {
            name = substr(head[i], 1, index(head[i], ".") - 1)
            head[i] = substr(head[i], RLENGTH + 1)
            section(name, page)
            if (head[i] == "") continue
        }
        line(head[i], page)
    }
    close_block(page)
    program(examples "/01_hello.c", page)
    finish(page, "")

    for (g = 1; g <= n_groups; g++) {
        page = begin(groups[g], title[groups[g]])
        print ".SH SYNOPSIS\n.nf\n.B #include <antpool.h>\n.fi" > page
        n = split(members[groups[g]], list)
        for (m = 1; m <= n; m++)
            if (declaration[list[m]] !~ /\\\n|^#if/) synopsis(declaration[list[m]], page)
        print ".SH DESCRIPTION" > page
        for (m = 1; m <= n; m++) {
            name = list[m]
            section(name (name in is_function ? "()" : ""), page)
            describe(comment[name], page)
            if (declaration[name] ~ /[{]\n/) fields(declaration[name], page)
            if (name ~ /^ANTPOOL/) continue
            print ".so man3/" groups[g] ".3" > (directory "/" name ".3")
            close(directory "/" name ".3")
        }
        return_value(list, n, page)
        errors(list, n, page)
        program(examples "/" example[groups[g]], page)
        finish(page, groups[g])
    }
}

function finish(page, own,    g, others) {
    close_block(page)
    others = own == "" ? "" : "antpool "
    for (g = 1; g <= n_groups; g++) if (groups[g] != own) others = others groups[g] " "
    gsub(/ $/, "", others)
    gsub(/ /, " (3),\n.BR ", others)
    print ".SH SEE ALSO\n.BR " others " (3),\n.BR antpool.hpp (3)" > page
    close(page)
}

# ---- Declarations --------------------------------------------------------------------------------

# Without the comments of its fields.
function synopsis(code, page,    lines, n, i) {
    gsub(/ANTPOOL_(API|MUST_USE)[ \n]/, "", code)
    gsub(/    \/\*\*\n(     \*[^\n]*\n)+/, "", code)
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

# ---- What functions return -----------------------------------------------------------------------

function return_value(list, n, page,    m, name, code, status, others) {
    for (m = 1; m <= n; m++) {
        name = list[m]
        if (!(name in is_function)) continue
        code = declaration[name]
        if (code ~ /enum antpool_status_t antpool_/) status = status (status == "" ? "" : ", ") name "()"
        else if (code ~ /ANTPOOL_NORETURN/) others = others ".TP\n\\fB" name "\\fR()\nDoes not return.\n"
        else if (code ~ /void antpool_/) others = others ".TP\n\\fB" name "\\fR()\nNothing.\n"
        else others = others ".TP\n\\fB" name "\\fR()\n" prose(paragraph(comment[name])) "\n"
    }
    print ".SH RETURN VALUE" > page
    if (status != "") {
        print prose(status) > page
        print "return \\fBANTPOOL_OK\\fR, which is 0, or one of the errors below." > page
    }
    printf "%s", others > page
}

# The first paragraph, on one line.
function paragraph(text) {
    sub(/\n\n.*/, "", text)
    gsub(/\n/, " ", text)
    return text
}

# What the comments of the functions say of each error, in the order of their numbers: an item of a list
# is about one, and a sentence about those that it names.
function errors(list, n, page,    m, name, statuses, count, s, like, said, meaning) {
    print ".SH ERRORS" > page
    for (m = 1; m <= n; m++) {
        name = list[m]
        if (declaration[name] !~ /enum antpool_status_t antpool_/) continue
        collect(name, comment[name])
        if (match(comment[name], /^As antpool_[a-z_]+\(\)/))
            like = like "\\fB" name "\\fR() has those of \\fB" \
                substr(comment[name], 4, RLENGTH - 5) "\\fR() too.\n"
    }
    count = split(declaration["antpool_status_t"], statuses, "\n")
    meaning = ""
    for (s = 1; s <= count; s++) {
        if (statuses[s] ~ /^     \* /) meaning = meaning (meaning == "" ? "" : " ") substr(statuses[s], 8)
        if (statuses[s] !~ /^    ANTPOOL_ERR_/) {
            if (statuses[s] ~ /^    ANTPOOL_/) meaning = ""
            continue
        }
        name = statuses[s]
        gsub(/^ +| = .*/, "", name)
        if (name in details) {
            printf ".TP\n.B %s\n%s\n%s", name, prose(meaning), details[name] > page
            said = 1
        }
        meaning = ""
    }
    for (name in details) delete details[name]
    if (like != "") printf ".PP\n%s", like > page
    if (!said) print "None of these functions fails." > page
    else print ".PP\nWhat each function returns on a closed pool, inside a task of its own pool and in a forked child\n" \
        "stands in a table in\n.BR antpool (3)." > page
}

function collect(name, text,    lines, n, i, found, item, sentences, at) {
    sub(/\n# Safety\n.*/, "\n", text)
    n = split(text, lines, "\n")
    text = ""
    for (i = 1; i <= n; i++) {
        if (match(lines[i], /^- ANTPOOL_ERR_[A-Z_]+: /)) {
            found = substr(lines[i], 3, RLENGTH - 4)
            item = substr(lines[i], RLENGTH + 1)
            while (lines[i + 1] ~ /^  /) item = item " " substr(lines[++i], 3)
            detail(found, name, item)
        } else text = text lines[i] (lines[i] == "" ? "\n" : " ")
    }
    n = split(text, sentences, /\. +|\n/)
    for (i = 1; i <= n; i++) {
        text = sentences[i]
        while (match(text, /ANTPOOL_ERR_[A-Z_]+/)) {
            found = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            item = sentences[i]
            gsub(/^ +| +$/, "", item)
            sub(/[^.]$/, "&.", item)
            if (!((found, name, item) in at)) detail(found, name, item)
            at[found, name, item] = 1
        }
    }
}

function detail(status, name, item) {
    details[status] = details[status] ".br\n\\fB" name "\\fR(): " prose(item) "\n"
}

# ---- Programs ------------------------------------------------------------------------------------

# What comes after the comment at the head of a program says how to build it.
function program(file, page,    text, begun) {
    print ".SH EXAMPLES\n.nf" > page
    while ((getline text < file) > 0) {
        if (text ~ /^#include/) begun = 1
        if (begun) print literal(text) > page
    }
    close(file)
    if (!begun) fail(file " is no program")
    print ".fi" > page
}
