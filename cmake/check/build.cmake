# One PROMISE about building the library from its sources: shim, flags, panic-abort, old-rust
# or left-out.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# What is tried must fail, and say why.
function(expect_refusal reason)
    execute_process(COMMAND ${ARGN}
        COMMAND_ECHO STDOUT RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
    string(REGEX REPLACE "[ \n]+" " " text "${text}")
    if(status EQUAL 0 OR NOT text MATCHES "${reason}")
        message(FATAL_ERROR "Not refused with \"${reason}\":\n${text}")
    endif()
endfunction()

string(REPLACE "|" ";" ENVIRONMENTS "${ENVIRONMENTS}")
string(REPLACE "|" ";" LINKS "${LINKS}")

# The shared library with what `environment` says, and programs that link to it: one in C, which has
# no C++ runtime for the shim to find, and one that throws.
function(build_with environment)
    separate_arguments(environment UNIX_COMMAND "${environment}")
    run("${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${WORK_DIR}" ${environment}
        "${CARGO}" rustc --quiet --locked --lib --crate-type cdylib
        --manifest-path "${SOURCE}/Cargo.toml")
    set(library "${WORK_DIR}/debug/libantpool.so")
    file(CREATE_LINK libantpool.so "${WORK_DIR}/debug/${SONAME}" SYMBOLIC)
    foreach(link IN LISTS LINKS)
        separate_arguments(link UNIX_COMMAND "${link}")
        list(POP_BACK link source)
        run(${link} "-I${SOURCE}/include" "${SOURCE}/tests/consumers/${source}" "${library}"
            "-Wl,-rpath,${WORK_DIR}/debug" -o "${WORK_DIR}/program")
        run("${CMAKE_COMMAND}" -E env LD_BIND_NOW=1 "${WORK_DIR}/program")
    endforeach()
endfunction()

if(PROMISE STREQUAL "shim")
    # The shims have no warning, and of a runtime they need nothing: all that they refer to is weak, but for what
    # the C library and the unwinder have.
    file(MAKE_DIRECTORY "${WORK_DIR}")
    separate_arguments(COMPILER)
    foreach(shim IN ITEMS "capture:[Tt] antpool_shim_catching:w __cxa_begin_catch"
            "sanitizers:[DR] antpool_sanitizers:w __tsan_acquire")
        string(REPLACE ":" ";" shim "${shim}")
        list(POP_FRONT shim name)
        run(${COMPILER} -std=c++17 -O2 -fPIC -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
            -c "${SOURCE}/src/${name}.cpp" -o "${WORK_DIR}/${name}.o")
        execute_process(COMMAND "${NM}" "${WORK_DIR}/${name}.o"
            OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
        foreach(expected IN LISTS shim)
            if(NOT symbols MATCHES " ${expected}")
                message(FATAL_ERROR "${name}.cpp has not ${expected}:\n${symbols}")
            endif()
        endforeach()
        string(REGEX MATCHALL " U [^\n]+" needed "${symbols}")
        string(JOIN "|" known "_Unwind_[A-Za-z]+" _GLOBAL_OFFSET_TABLE_ _setjmp longjmp
            "dl[a-z_]+" "str[a-z]+" "mem[a-z]+")
        list(FILTER needed EXCLUDE REGEX " (${known})$")
        if(needed)
            message(FATAL_ERROR "${name}.cpp needs: ${needed}")
        endif()
    endforeach()

elseif(PROMISE STREQUAL "flags")
    # No flags that a distribution, a careful or a careless user has in the environment break the shim.
    foreach(environment IN LISTS ENVIRONMENTS)
        build_with("${environment}")
    endforeach()

elseif(PROMISE STREQUAL "panic-abort")
    # A profile with panic = "abort" is refused with the reason.
    expect_refusal("cannot be built with panic = \"abort\""
        "${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${WORK_DIR}" CARGO_PROFILE_DEV_PANIC=abort
        "${CARGO}" check --locked --lib --manifest-path "${SOURCE}/Cargo.toml")

elseif(PROMISE STREQUAL "old-rust")
    # A Rust that is too old is named when the build is configured, with what it takes, and it is the one
    # in the PATH that counts.
    file(REMOVE_RECURSE "${WORK_DIR}")
    file(WRITE "${WORK_DIR}/rustc" "#!/bin/sh\nprintf 'rustc 1.63.0\\nhost: nowhere\\nrelease: 1.63.0\\n'\n")
    file(CHMOD "${WORK_DIR}/rustc" PERMISSIONS OWNER_READ OWNER_EXECUTE)
    expect_refusal("needs Rust [0-9.]+ or later, and .*/rustc is 1\\.63\\.0"
        "${CMAKE_COMMAND}" -E env --unset=CARGO_HOME "PATH=${WORK_DIR}:$ENV{PATH}"
        "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK_DIR}/build")

elseif(PROMISE STREQUAL "left-out")
    # A check that cannot be done here is named with what it needs and the command that gets it.
    expect_refusal("docs/man-lint needs mandoc \\(apt install mandoc\\)"
        "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK_DIR}/build"
        -DANTPOOL_MANDOC=OFF -DANTPOOL_REQUIRE_ALL=ON)

else()
    message(FATAL_ERROR "There is no promise of that name: ${PROMISE}")
endif()
