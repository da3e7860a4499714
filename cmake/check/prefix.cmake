# Installs BUILD_DIR, and moves the installation to PREFIX.

file(REMOVE_RECURSE "${PREFIX}" "${PREFIX}.first")
execute_process(
    COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --config "${CONFIG}"
        --prefix "${PREFIX}.first"
    COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${PREFIX}.first" "${PREFIX}")
