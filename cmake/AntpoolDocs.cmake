# The reference, from the headers: manual pages, which are installed, and with the target `docs` HTML by
# Doxygen, in docs/html of the build directory.

find_program(ANTPOOL_AWK NAMES awk mawk gawk REQUIRED)
find_program(ANTPOOL_DOXYGEN doxygen)
mark_as_advanced(ANTPOOL_AWK ANTPOOL_DOXYGEN)
set(docs_source_dir "${PROJECT_SOURCE_DIR}/cmake/docs")
set(docs_dir "${PROJECT_BINARY_DIR}/docs")
set(docs_header "${PROJECT_SOURCE_DIR}/include/antpool.h")

set(man_dir "${docs_dir}/man/man3")
set(man_header_cpp "${PROJECT_SOURCE_DIR}/include/antpool.hpp")
file(GLOB man_examples CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples-c/*.c")
add_custom_command(OUTPUT "${man_dir}/antpool.3"
    COMMAND "${CMAKE_COMMAND}" -E rm -rf "${man_dir}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${man_dir}"
    COMMAND "${ANTPOOL_AWK}" -v "directory=${man_dir}" -v "version=${PROJECT_VERSION}"
        -v "examples=${PROJECT_SOURCE_DIR}/examples-c"
        -f "${docs_source_dir}/header.awk" -f "${docs_source_dir}/roff.awk"
        -f "${docs_source_dir}/man.awk" "${docs_source_dir}/groups.txt" "${docs_header}"
    COMMAND "${ANTPOOL_AWK}" -v "directory=${man_dir}" -v "version=${PROJECT_VERSION}"
        -f "${docs_source_dir}/roff.awk" -f "${docs_source_dir}/hpp.awk" "${man_header_cpp}"
    DEPENDS "${docs_header}" "${man_header_cpp}" ${man_examples}
        "${docs_source_dir}/groups.txt" "${docs_source_dir}/header.awk"
        "${docs_source_dir}/roff.awk" "${docs_source_dir}/man.awk" "${docs_source_dir}/hpp.awk"
    COMMENT "Writing the manual pages"
    VERBATIM)
add_custom_target(antpool_man ALL DEPENDS "${man_dir}/antpool.3")
install(DIRECTORY "${man_dir}" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT dev)

# Each example is a page, with links from what it calls; its first comment says what it shows.
set(example_pages)
foreach(example IN LISTS man_examples)
    cmake_path(GET example FILENAME name)
    file(READ "${example}" code)
    if(NOT code MATCHES "^/\\*([^*]|\\*+[^*/])*\\*+/")
        message(FATAL_ERROR "${example} does not begin with a comment")
    endif()
    string(REGEX REPLACE "^/\\*|\\*/$" "" comment "${CMAKE_MATCH_0}")
    string(REGEX REPLACE "\n \\*" "\n" comment "${comment}")
    string(APPEND example_pages "/** @example ${name}\n${comment} */\n")
endforeach()
file(CONFIGURE OUTPUT "${docs_dir}/examples.dox" CONTENT "${example_pages}")

if(ANTPOOL_DOXYGEN)
    configure_file("${docs_source_dir}/Doxyfile.in" "${docs_dir}/Doxyfile" @ONLY)
    add_custom_target(docs
        COMMAND "${ANTPOOL_DOXYGEN}" "${docs_dir}/Doxyfile"
        COMMENT "Writing docs/html/index.html"
        VERBATIM)
else()
    add_custom_target(docs
        COMMAND "${CMAKE_COMMAND}" -E echo "The reference is made by Doxygen, which is not installed."
        COMMAND "${CMAKE_COMMAND}" -E false
        VERBATIM)
endif()
