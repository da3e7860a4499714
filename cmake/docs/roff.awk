# What every manual page is made of: its frame, and the comments in it.

function begin(name, what,    page) {
    page = directory "/" name ".3"
    print ".TH " name " 3 \"\" \"antpool " version "\" \"antpool\"" > page
    print ".SH NAME\n" name " \\- " what > page
    return page
}

# A part of the description.
function section(heading, page) {
    close_block(page)
    print ".SS " heading > page
    pending = 0
}

# ---- Comments ------------------------------------------------------------------------------------

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
