# The first program in C, and the one in C++ that the documents of SOURCE show, and with them the headers,
# under every warning that clang has, less those that docs/packaging.md lists.

file(READ "${SOURCE}/docs/packaging.md" document)
string(REGEX MATCH "`-Weverything`, less[^.]*\\." sentence "${document}")
string(REGEX MATCHALL "`-W[a-z0-9+-]+`" exceptions "${sentence}")
if(NOT exceptions)
    message(FATAL_ERROR "docs/packaging.md lists no exceptions")
endif()
list(TRANSFORM exceptions REPLACE "`-W(.*)`" "-Wno-\\1")
set(warnings -Weverything -Werror ${exceptions} -Wno-unknown-warning-option) # Older clangs know fewer.

# The block of code that comes after "`main.cpp`:".
set(program)
file(GLOB pages "${SOURCE}/README.md" "${SOURCE}/docs/*.md")
foreach(page IN LISTS pages)
    file(READ "${page}" text)
    string(FIND "${text}" "`main.cpp`:\n\n```cpp\n" begin)
    if(NOT begin EQUAL -1)
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(REGEX REPLACE "^[^\n]*\n\n```cpp\n" "" text "${text}")
        string(FIND "${text}" "\n```" end)
        string(SUBSTRING "${text}" 0 ${end} program)
        break()
    endif()
endforeach()
file(WRITE "${WORK_DIR}/main.cpp" "${program}\n")
if(NOT program MATCHES "#include <antpool.hpp>\n")
    message(FATAL_ERROR "This is not the program:\n${program}")
endif()

# The headers are no system headers here, which are not looked at.
function(compile)
    execute_process(COMMAND ${ARGN} ${warnings} -fsyntax-only "-I${SOURCE}/include"
        COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
compile("${CLANG}" -std=c99 "${SOURCE}/examples-c/01_hello.c")
compile("${CLANGXX}" -std=c++11 -x c++ "${SOURCE}/examples-c/01_hello.c")
compile("${CLANGXX}" -std=c++17 "${WORK_DIR}/main.cpp")
compile("${CLANGXX}" -std=c++20 "${WORK_DIR}/main.cpp")
