# The benchmark programs still build, run, and count every task; what they print of speed is no test.

antpool_needs(have_bench "benches" ${gcc_things}
    ANTPOOL_PYTHON python3 "apt install python3")
if(have_bench)
    # The runner by itself: that processes end, that no program holds it up, what the marks say.
    add_test(NAME benches/runner
        COMMAND "${ANTPOOL_PYTHON}" "${PROJECT_SOURCE_DIR}/benches/test_runner.py")
    set_tests_properties(benches/runner PROPERTIES LABELS "benches" TIMEOUT 180)

    set(unwanted "failed: |did not end in ")
    if(ANTPOOL_REQUIRE_ALL OR "$ENV{ANTPOOL_REQUIRE_ALL}")
        string(APPEND unwanted "|missing: |matplotlib is missing")
    endif()
    # antpool_add_bench(<name> <argument>...): a run over few tasks. All share what they build.
    function(antpool_add_bench name)
        add_test(NAME benches/${name}
            COMMAND "${ANTPOOL_PYTHON}" "${PROJECT_SOURCE_DIR}/benches/run" ${ARGN}
            --quick --tasks 1000 --rounds 1 --build "${CMAKE_CURRENT_BINARY_DIR}/benches"
            --library "${antpool_lib_dir}/${antpool_shared_file}")
        set_tests_properties(benches/${name} PROPERTIES LABELS "benches" TIMEOUT 900
            RESOURCE_LOCK "benches" FAIL_REGULAR_EXPRESSION "${unwanted}")
    endfunction()
    antpool_add_bench(alone --alone --busy 1)
    # Before and after, with one library in both places.
    antpool_add_bench(against --busy 1 --only trip
        --against "${antpool_lib_dir}/${antpool_shared_file}")
    # With the peers that this machine has.
    antpool_add_bench(peers)
endif()
