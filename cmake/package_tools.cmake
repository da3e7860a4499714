# Read by cpack for each kind of package. Without its tools cpack would make packages for Debian that
# say nothing of what they depend on; they are not made at all.
if(CPACK_GENERATOR STREQUAL "DEB")
    foreach(tool_and_package IN ITEMS dpkg-shlibdeps:dpkg-dev file:file)
        string(REGEX MATCH "^(.*):(.*)$" matched "${tool_and_package}")
        find_program(found_tool "${CMAKE_MATCH_1}" NO_CACHE)
        if(NOT found_tool)
            message(FATAL_ERROR
                "Packages for Debian need ${CMAKE_MATCH_1}, which is in the package ${CMAKE_MATCH_2}")
        endif()
        unset(found_tool)
    endforeach()
endif()
