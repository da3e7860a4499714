# Holds one PROMISE of the checksum program PROGRAM, in a fresh directory WORK_DIR.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})

# Runs checksum with the arguments; leaves result, output and errors to the caller.
macro(run_checksum)
    execute_process(COMMAND ${PROGRAM} ${ARGN} WORKING_DIRECTORY ${WORK_DIR}
        OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result TIMEOUT 60)
endmacro()

function(expect what got wanted)
    if(NOT "${got}" STREQUAL "${wanted}")
        message(FATAL_ERROR "${what} is not as expected.\nExpected:\n${wanted}\nGot:\n${got}")
    endif()
endfunction()

# Runs with every number of workers: none at all is the sequential mode.
function(expect_with_all_jobs wanted_result wanted_output wanted_errors)
    foreach(jobs IN ITEMS -j0 -j1 -j4 "")
        run_checksum(${jobs} ${ARGN})
        expect("exit code (${jobs})" "${result}" "${wanted_result}")
        expect("stdout (${jobs})" "${output}" "${wanted_output}")
        expect("stderr (${jobs})" "${errors}" "${wanted_errors}")
    endforeach()
endfunction()

set(sha_of_empty e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
set(sha_of_abc ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad)

function(agrees_with_an_independent_sha256)
    # Lengths around the ends of a SHA-256 block and of a block that is read at once.
    file(MAKE_DIRECTORY ${WORK_DIR}/tree/empty)
    string(REPEAT "antpool " 50000 text)
    set(paths)
    foreach(length IN ITEMS 0 1 55 56 57 63 64 65 119 120 121 65535 65536 65537 400000)
        string(SUBSTRING "${text}" 0 ${length} content)
        foreach(path IN ITEMS tree/a/${length} "tree/a b/${length}" tree/a-b/c/d/${length})
            file(WRITE ${WORK_DIR}/${path} "${content}")
            list(APPEND paths "${path}")
        endforeach()
    endforeach()
    list(SORT paths)
    set(wanted "")
    foreach(path IN LISTS paths)
        file(SHA256 "${WORK_DIR}/${path}" digest)
        string(APPEND wanted "${digest}  ${path}\n")
    endforeach()
    expect_with_all_jobs(0 "${wanted}" "" tree)
    expect_with_all_jobs(0 "${wanted}" "" tree/a-b tree/a/ "tree/a b" tree/empty)
endfunction()

function(waits_for_files_that_take_long)
    # Hashing one of these takes several times as long as one try to submit the next.
    foreach(path IN ITEMS a b)
        execute_process(COMMAND truncate -s 64M ${WORK_DIR}/${path} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    file(WRITE ${WORK_DIR}/c "abc")
    file(SHA256 ${WORK_DIR}/a sha_of_zeros)
    run_checksum(-j1 a b c)
    expect("exit code" "${result}" 0)
    expect("stderr" "${errors}" "")
    expect("stdout" "${output}"
        "${sha_of_zeros}  a\n${sha_of_zeros}  b\n${sha_of_abc}  c\n")
    file(REMOVE_RECURSE ${WORK_DIR})
endfunction()

function(escapes_names_as_sha256sum_does)
    file(WRITE "${WORK_DIR}/tree/back\\slash" "abc")
    file(WRITE "${WORK_DIR}/tree/new\nline" "abc")
    file(WRITE "${WORK_DIR}/tree/plain" "abc")
    string(CONCAT wanted
        "\\${sha_of_abc}  tree/back\\\\slash\n" "\\${sha_of_abc}  tree/new\\nline\n"
        "${sha_of_abc}  tree/plain\n")
    expect_with_all_jobs(0 "${wanted}" "" tree)
endfunction()

function(does_not_follow_links)
    file(WRITE ${WORK_DIR}/tree/file "abc")
    file(CREATE_LINK file ${WORK_DIR}/tree/link SYMBOLIC)
    file(CREATE_LINK .. ${WORK_DIR}/tree/loop SYMBOLIC)
    file(CREATE_LINK nowhere ${WORK_DIR}/tree/dangling SYMBOLIC)
    expect_with_all_jobs(0 "${sha_of_abc}  tree/file\n" "" tree)
    expect_with_all_jobs(1 ""
        "checksum: tree/link: Neither a regular file nor a directory\n" tree/link)
endfunction()

function(names_a_missing_file_and_goes_on)
    file(WRITE ${WORK_DIR}/a "abc")
    file(WRITE ${WORK_DIR}/z "")
    expect_with_all_jobs(1 "${sha_of_abc}  a\n${sha_of_empty}  z\n"
        "checksum: missing: No such file or directory\n" z missing a)
endfunction()

function(names_an_unreadable_file_and_goes_on)
    file(WRITE ${WORK_DIR}/a "abc")
    # A file that opens and then fails to be read, for every user: address 0 of the own memory.
    if(EXISTS /proc/self/mem)
        expect_with_all_jobs(1 "${sha_of_abc}  a\n"
            "checksum: /proc/self/mem: Input/output error\n" a /proc/self/mem)
    endif()
    # A file that does not open, unless the user may read everything.
    file(WRITE ${WORK_DIR}/secret "abc")
    file(CHMOD ${WORK_DIR}/secret PERMISSIONS OWNER_WRITE)
    execute_process(COMMAND cat ${WORK_DIR}/secret
        OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        expect_with_all_jobs(1 "${sha_of_abc}  a\n"
            "checksum: secret: Permission denied\n" a secret)
    elseif(NOT EXISTS /proc/self/mem)
        message("SKIPPED: this user may read everything")
    endif()
endfunction()

function(expect_refusal message)
    run_checksum(${ARGN})
    expect("exit code of checksum ${ARGN}" "${result}" 2)
    expect("stdout of checksum ${ARGN}" "${output}" "")
    string(FIND "${errors}" "${message}" position)
    if(position EQUAL -1)
        message(FATAL_ERROR "checksum ${ARGN} does not say: ${message}\nbut:\n${errors}")
    endif()
endfunction()

function(refuses_a_wrong_command_line)
    foreach(jobs IN ITEMS x 4x -1 257 99999999999999999999)
        expect_refusal("-j takes a number from 0 to 256, not '${jobs}'" -j ${jobs} .)
    endforeach()
    expect_refusal("requires an argument" -j)
    expect_refusal("unrecognized option" --unknown .)
    expect_refusal("no files given")
    expect_refusal("no files given" -j 2)

    run_checksum(--help)
    expect("exit code of checksum --help" "${result}" 0)
    expect("stderr of checksum --help" "${errors}" "")
    if(NOT output MATCHES "^Usage: checksum ")
        message(FATAL_ERROR "checksum --help prints:\n${output}")
    endif()
endfunction()

function(says_when_its_output_is_lost)
    if(NOT EXISTS /dev/full)
        message("SKIPPED: there is no /dev/full")
        return()
    endif()
    file(WRITE ${WORK_DIR}/a "abc")
    execute_process(COMMAND ${PROGRAM} a WORKING_DIRECTORY ${WORK_DIR}
        OUTPUT_FILE /dev/full ERROR_VARIABLE errors RESULT_VARIABLE result TIMEOUT 60)
    expect("exit code" "${result}" 1)
    expect("stderr" "${errors}" "checksum: cannot write to standard output\n")
endfunction()

cmake_language(CALL ${PROMISE})
