# The benchmark programs still build, run, and count every task; what they print of speed is no test.

antpool_needs(have_bench "benches/alone" "Python 3, gcc or g++ is not installed"
    ANTPOOL_PYTHON AND have_gcc)
if(have_bench)
    add_test(NAME benches/alone COMMAND "${ANTPOOL_PYTHON}" "${PROJECT_SOURCE_DIR}/benches/run"
        --alone --quick --tasks 1000 --rounds 1 --build "${CMAKE_CURRENT_BINARY_DIR}/benches"
        --library "${antpool_lib_dir}/${antpool_shared_file}")
    set_tests_properties(benches/alone PROPERTIES LABELS "benches" TIMEOUT 300
        FAIL_REGULAR_EXPRESSION "failed: |missing: ")

    # With the peers that this machine has.
    add_test(NAME benches/peers COMMAND "${ANTPOOL_PYTHON}" "${PROJECT_SOURCE_DIR}/benches/run"
        --quick --tasks 1000 --rounds 1 --build "${CMAKE_CURRENT_BINARY_DIR}/benches-peers"
        --library "${antpool_lib_dir}/${antpool_shared_file}")
    set(unwanted "failed: ")
    if(ANTPOOL_REQUIRE_ALL)
        string(APPEND unwanted "|missing: |matplotlib is missing")
    endif()
    set_tests_properties(benches/peers PROPERTIES LABELS "benches" TIMEOUT 600
        FAIL_REGULAR_EXPRESSION "${unwanted}")
endif()
