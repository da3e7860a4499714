# The first programs of README in C (HELLO) and C++, and with them the headers, under every warning that
# clang has, less those that docs/packaging.md lists.

file(READ "${DOCUMENT}" document)
string(REGEX MATCH "`-Weverything`, less[^.]*\\." sentence "${document}")
string(REGEX MATCHALL "`-W[a-z0-9+-]+`" exceptions "${sentence}")
if(NOT exceptions)
    message(FATAL_ERROR "${DOCUMENT} lists no exceptions")
endif()
list(TRANSFORM exceptions REPLACE "`-W(.*)`" "-Wno-\\1")
set(warnings -Weverything -Werror ${exceptions} -Wno-unknown-warning-option) # Older clangs know fewer.

# The block of code that comes after "`main.cpp`:".
file(READ "${README}" readme)
string(FIND "${readme}" "`main.cpp`:" begin)
string(SUBSTRING "${readme}" ${begin} -1 readme)
string(REGEX REPLACE "^[^\n]*\n\n```cpp\n" "" readme "${readme}")
string(FIND "${readme}" "\n```" end)
string(SUBSTRING "${readme}" 0 ${end} program)
file(WRITE "${WORK_DIR}/main.cpp" "${program}\n")
if(NOT program MATCHES "^#include <antpool.hpp>\n")
    message(FATAL_ERROR "This is not the program:\n${program}")
endif()

# The headers are no system headers here, which are not looked at.
function(compile)
    execute_process(COMMAND ${ARGN} ${warnings} -fsyntax-only "-I${INCLUDE_DIR}"
        COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
compile("${CLANG}" -std=c99 "${HELLO}")
compile("${CLANGXX}" -std=c++11 -x c++ "${HELLO}")
compile("${CLANGXX}" -std=c++17 "${WORK_DIR}/main.cpp")
compile("${CLANGXX}" -std=c++20 "${WORK_DIR}/main.cpp")
