# The benchmark programs of antpool still build, run, and count every task; what they print of its speed
# is no test.

antpool_needs(have_bench "benches/alone" "Python 3, gcc or g++ is not installed"
    ANTPOOL_PYTHON AND have_gcc)
if(have_bench)
    add_test(NAME benches/alone COMMAND "${ANTPOOL_PYTHON}" "${PROJECT_SOURCE_DIR}/benches/run"
        --alone --quick --tasks 1000 --rounds 1 --build "${CMAKE_CURRENT_BINARY_DIR}/benches"
        --library "${antpool_lib_dir}/${antpool_shared_file}")
    set_tests_properties(benches/alone PROPERTIES LABELS "benches" TIMEOUT 300
        FAIL_REGULAR_EXPRESSION "failed: |missing: ")
endif()
