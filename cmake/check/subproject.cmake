# Builds a program that has the sources of antpool within it, by HOW and with GENERATOR; then once
# more, when nothing may be done, and once more when a Rust file has changed, which has to be seen in
# the program.

set(ENV{CARGO_PROFILE_RELEASE_LTO} off) # What is made here has to work, not to be fast.
set(ENV{CARGO_PROFILE_RELEASE_OPT_LEVEL} 0)
set(ENV{CARGO_PROFILE_RELEASE_CODEGEN_UNITS} 16)

function(build)
    execute_process(COMMAND "${CMAKE_COMMAND}" --build "${WORK_DIR}/build" ${configuration}
        COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# What has been made, and when.
function(state output)
    set(made)
    foreach(file IN ITEMS shared static antpool/lib/libantpool.so antpool/lib/libantpool.a)
        string(REPLACE "antpool/" "${antpool_dir}/" file "${file}")
        file(TIMESTAMP "${WORK_DIR}/build/${file}" time "%s.%f")
        list(APPEND made "${file} ${time}")
    endforeach()
    set(${output} "${made}" PARENT_SCOPE)
endfunction()

function(expect_to_print sentence)
    foreach(program IN ITEMS shared static)
        execute_process(COMMAND "${WORK_DIR}/build/${program}"
            OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
        if(NOT printed STREQUAL "${sentence}\n")
            message(FATAL_ERROR "${program} prints ${printed}and not ${sentence}")
        endif()
    endforeach()
endfunction()

set(antpool_dir antpool)
if(HOW STREQUAL "FetchContent")
    set(antpool_dir _deps/antpool-build)
endif()
set(configuration)
if(GENERATOR MATCHES "Multi-Config")
    set(configuration --config Debug)
endif()

# A copy of the sources, as they come, to be changed.
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}/source")
file(GLOB tree "${SOURCE}/*")
list(FILTER tree EXCLUDE REGEX "/(build|target)(-[^/]*)?$")
file(COPY ${tree} DESTINATION "${WORK_DIR}/source")

execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumers/within" -B "${WORK_DIR}/build"
        -G "${GENERATOR}" "-DHOW=${HOW}" "-DSOURCE=${WORK_DIR}/source"
    COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
build()
expect_to_print("the pool is closed")

state(before)
build()
state(after)
if(NOT before STREQUAL after)
    message(FATAL_ERROR "Nothing had changed, and all the same:\n${before}\n${after}")
endif()

file(READ "${STATEMENT}" statement)
string(REPLACE "the pool is closed" "the pool is shut" changed "${statement}")
if(changed STREQUAL statement)
    message(FATAL_ERROR "${STATEMENT} has not the sentence that is to be changed")
endif()
cmake_path(RELATIVE_PATH STATEMENT BASE_DIRECTORY "${SOURCE}")
file(WRITE "${WORK_DIR}/source/${STATEMENT}" "${changed}")
build()
expect_to_print("the pool is shut")
