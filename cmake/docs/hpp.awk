# Writes antpool.hpp(3) into `directory` from the comments of include/antpool.hpp: the one at its head,
# and those on what it declares. What is between @cond and @endcond is its own business.
#
#     awk -v directory=DIR -v version=0.1.0 -f roff.awk -f hpp.awk antpool.hpp

BEGIN {
    page = begin("antpool.hpp", "antpool for C++17 and later, header-only over antpool.h")
    print ".SH SYNOPSIS\n.nf\n.B #include <antpool.hpp>\n.PP\n" \
        ".B c++ ... $(pkg\\-config \\-\\-cflags \\-\\-libs antpool)\n.fi\n.SH DESCRIPTION" > page
}

/@cond/ { hidden = 1 }
/@endcond/ { hidden = 0; next }
hidden { next }

# ---- The comment at its head, with the first program ---------------------------------------------

$0 == "/**" && !head_is_over { in_head = 1; next }
in_head && $0 == " */" {
    in_head = 0
    head_is_over = 1
    close_block(page)
    next
}
in_head {
    text = substr($0, 4)
    if (text ~ /^@file|^SPDX|^The first program:/) next
    if (text ~ /^    /) example = example literal(text) "\n"
    else if (text != "" || example == "") line(text, page)
    else pending = 1
    next
}
!head_is_over { next }

# ---- What is declared ----------------------------------------------------------------------------

/^ *\/\*\*< / { next }
match($0, /^ *\/\*\* .* \*\/$/) {
    sub(/^ *\/\*\* /, "")
    sub(/ \*\/$/, "")
    comment = $0 "\n"
    code = ""
    next
}
/^ *\/\*\*/ {
    in_comment = 1
    comment = ""
    code = ""
    sub(/^ *\/\*\* ?/, "")
    if ($0 != "") comment = $0 "\n"
    next
}
in_comment {
    if ($0 ~ /\*\/$/) in_comment = 0
    sub(/ *\*\/$/, "")
    sub(/^ *\* ?/, "")
    if (in_comment || $0 != "") comment = comment $0 "\n"
    next
}
# A field, or a value, whose comment comes after it.
match($0, /; +\/\*\*< .* \*\/$/) {
    comment = substr($0, RSTART + 1)
    sub(/^ +\/\*\*< /, "", comment)
    sub(/ \*\/$/, "", comment)
    comment = comment "\n"
    code = ""
    $0 = substr($0, 1, RSTART)
}
comment == "" { next }

# The declaration goes on to its semicolon or its body.
{
    text = $0
    gsub(/\{\}/, "\001", text) # No body, but an empty value.
    if (text ~ /^ +: /) text = "{"
    code = code (code == "" ? "" : "\n") text
    if (text !~ /[{;]$|\{ .*\}$|\001$/ && text !~ /[;{]/) next
    declare()
}

function declare(    depth, name, lines, n, i) {
    match(code, /^ */)
    depth = RLENGTH
    sub(/[ \n]*\{.*/, "", code)
    sub(/;.*/, "", code)
    if (code !~ /\(/) sub(/\001$/, "", code)
    gsub(/\001/, "{}", code)
    sub(/ : [a-z_]+\(.*/, "", code)
    sub(/ = [^()]*$/, "", code)
    n = split(code, lines, "\n")
    if (depth == 0) {
        name = code
        if (name ~ /^(class|struct|enum|namespace)/) {
            sub(/^(enum )?(class|struct|namespace) (\[\[nodiscard\]\] )?/, "", name)
            sub(/[ :].*/, "", name)
        } else {
            sub(/ = .*/, "", name)
            sub(/\(.*/, "", name)
            sub(/.*[ \n&*]/, "", name)
        }
        section(name, page)
        print ".nf" > page
    } else print ".TP\n.nf" > page
    for (i = 1; i <= n; i++) print "\\fB" literal(substr(lines[i], depth + 1)) "\\fR" > page
    print ".fi" > page
    if (depth == 0) print ".PP" > page
    described(depth)
    comment = ""
    code = ""
}

# Paragraphs, with the commands of Doxygen as words.
function described(depth,    lines, n, i) {
    n = split(comment, lines, "\n")
    for (i = 1; i < n; i++) {
        sub(/^@throws /, "Throws ", lines[i])
        sub(/^@return /, "Returns ", lines[i])
        if (sub(/^@param /, "", lines[i])) sub(/ /, ": ", lines[i])
        sub(/^        +/, "", lines[i]) # The rest of a command.
        if (lines[i] ~ /^    /) {
            print (depth ? ".IP" : ".PP") "\n.nf\n" literal(lines[i]) "\n.fi" > page
            pending = 0
        } else if (lines[i] == "") pending = 1
        else {
            if (pending || lines[i] ~ /^(Throws|Returns) / && i > 1) print (depth ? ".IP" : ".PP") > page
            pending = 0
            print prose(lines[i]) > page
        }
    }
    pending = 0
}

END {
    print ".SH RETURN VALUE\nWhat fails throws, and returns nothing else; the forms with\n.B std::nothrow\n" \
        "return an\n.BR antpool::status ." > page
    print ".SH ERRORS\nThose of the C call that a function names, as\n.B std::system_error\n" \
        "or\n.BR antpool::status ;\nsee the pages below." > page
    print ".SH EXAMPLES\n.nf\n#include <antpool.hpp>\n" example ".fi" > page
    print ".SH SEE ALSO\n.BR antpool (3),\n.BR antpool_pool (3),\n.BR antpool_options (3),\n" \
        ".BR antpool_tasks (3),\n.BR antpool_waiting_for_tasks (3),\n.BR antpool_status (3)" > page
    if (example == "") exit 1
}
