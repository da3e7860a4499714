# What programs are compiled against, seen as a tool for ABIs sees it: the functions, types and
# constants of HEADER. With WHAT=write it becomes RECORD; with WHAT=compare it is compared with RECORD;
# with WHAT=notice changes are made to it that a comparison has to notice.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Compiles a library that has a pointer to every function and an enumerator for every constant, since
# the debugging information of C has only what is used. A type that no function leads to is no part
# of the interface.
function(compile_surface header_dir library)
    file(READ "${header_dir}/antpool.h" header)
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" header "${header}")
    string(REGEX MATCHALL "ANTPOOL_API[^;]*;" declarations "${header}")
    set(surface "#include <antpool.h>\n")
    foreach(declaration IN LISTS declarations)
        if(declaration MATCHES "(antpool_[a-z0-9_]+)\\(")
            string(APPEND surface "__typeof__(${CMAKE_MATCH_1}) *abi_${CMAKE_MATCH_1};\n")
        endif()
    endforeach()
    string(REGEX MATCHALL "#define ANTPOOL_[A-Z_]+ +[A-Z0-9]" constants "${header}")
    list(FILTER constants EXCLUDE REGEX "_VERSION_")
    list(TRANSFORM constants REPLACE "^#define ([A-Z_]+).*$" "\\1")
    foreach(name IN LISTS constants)
        string(APPEND surface "enum abi_${name} { value_of_${name} = ${name} } abi_${name};\n")
    endforeach()
    file(WRITE "${library}.c" "${surface}")
    run("${COMPILER}" -std=gnu11 -g -shared -fPIC "-ffile-prefix-map=${WORK_DIR}/=" "-I${header_dir}" "${library}.c"
        "-Wl,-soname,${SONAME}" -o "${library}")
endfunction()

function(write_record library record)
    run("${ABIDW}" --no-architecture --no-corpus-path --no-comp-dir-path --no-show-locs
        --out-file "${record}" "${library}")
endfunction()

function(compare record library result report)
    execute_process(COMMAND "${ABIDIFF}" --no-architecture --harmless "${record}" "${library}"
        RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
    set(${result} "${status}" PARENT_SCOPE)
    set(${report} "${text}" PARENT_SCOPE)
endfunction()

cmake_path(GET HEADER PARENT_PATH header_dir)
set(library "${WORK_DIR}/${SONAME}")
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
compile_surface("${header_dir}" "${library}")

if(WHAT STREQUAL "write")
    write_record("${library}" "${RECORD}")

elseif(WHAT STREQUAL "compare")
    compare("${RECORD}" "${library}" status report)
    if(status)
        message(FATAL_ERROR "${report}\n"
            "The interface is not the one in ${RECORD}. What programs do not notice that were"
            " compiled before (a function more, a field at the end of a struct that has a size) is"
            " to be recorded, by the target abi-record; anything else needs a new soname too, which"
            " is a new minor version while the major one is 0, and then a new record.")
    endif()

elseif(WHAT STREQUAL "notice")
    file(READ "${HEADER}" header)
    set(changes
        "uint32_t worker_kind|uint64_t worker_kind" # a field
        "size_t min_workers|size_t max_workers" # its name
        "#define ANTPOOL_COPY_MAX 32|#define ANTPOOL_COPY_MAX 64" # a constant
        "ANTPOOL_ERR_CLOSED = |ANTPOOL_ERR_CLOSED = 100 + " # an enumerator
        "antpool_release(struct antpool_t|antpool_release(const struct antpool_t" # a parameter
        "int64_t antpool_capacity(|int32_t antpool_capacity(" # a result
        "antpool_yield(|antpool_unheard_of(") # a function
    foreach(change IN LISTS changes)
        string(REGEX MATCH "^([^|]*)\\|(.*)$" parts "${change}")
        string(REPLACE "${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" changed "${header}")
        if(changed STREQUAL header)
            message(FATAL_ERROR "The header has no: ${CMAKE_MATCH_1}")
        endif()
        file(WRITE "${WORK_DIR}/changed/antpool.h" "${changed}")
        compile_surface("${WORK_DIR}/changed" "${WORK_DIR}/changed/${SONAME}")
        compare("${RECORD}" "${WORK_DIR}/changed/${SONAME}" status report)
        if(NOT status)
            message(FATAL_ERROR "Not noticed: ${change}")
        endif()
    endforeach()

else()
    message(FATAL_ERROR "WHAT is write, compare or notice, and not: ${WHAT}")
endif()
