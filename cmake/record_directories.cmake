# Adds to the list in the file `record` those of the `directories` of an installation, and of those
# above them, that are not there yet.

set(lines)
if(EXISTS "${record}")
    file(STRINGS "${record}" lines)
endif()
foreach(directory IN LISTS directories)
    cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}" NORMALIZE)
    while(NOT EXISTS "${directory}")
        list(APPEND lines "${directory}")
        cmake_path(GET directory PARENT_PATH directory)
    endwhile()
endforeach()
list(REMOVE_DUPLICATES lines)
list(SORT lines ORDER DESCENDING) # What lies in another comes before it.
list(JOIN lines "\n" lines)
file(WRITE "${record}" "${lines}\n")
