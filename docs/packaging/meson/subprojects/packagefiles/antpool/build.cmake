# Builds antpool from SOURCE in BUILD, and leaves the static library as OUTPUT.
foreach(arguments IN ITEMS
        "-S;${SOURCE};-B;${BUILD};-DCMAKE_BUILD_TYPE=Release;-DANTPOOL_BUILD_TESTS=OFF;-DANTPOOL_BUILD_EXAMPLES=OFF;-DANTPOOL_INSTALL=OFF"
        "--build;${BUILD}")
    execute_process(COMMAND "${CMAKE_COMMAND}" ${arguments} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(COPY_FILE "${BUILD}/lib/libantpool.a" "${OUTPUT}" ONLY_IF_DIFFERENT)
