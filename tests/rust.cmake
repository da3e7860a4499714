# The tests, lints and documentation of the crate, and the models of its protocols.

# antpool_cargo_test(<name> <target directory> <variable=value>... COMMAND <cargo arguments>...)
#
# Each kind of build has a target directory of its own, so that none undoes the work of another;
# tests that share one take turns instead of waiting for cargo's lock.
function(antpool_cargo_test name target_dir)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "COMMAND")
    add_test(NAME "${name}" COMMAND "${ANTPOOL_CARGO}" ${arg_COMMAND}
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties("${name}" PROPERTIES
        ENVIRONMENT "CARGO_TARGET_DIR=${PROJECT_BINARY_DIR}/${target_dir};${arg_UNPARSED_ARGUMENTS}"
        RESOURCE_LOCK "${target_dir}"
        LABELS "rust"
        TIMEOUT 1800)
endfunction()

# Whether cargo has a subcommand that rustup installs as a component.
function(antpool_find_component result subcommand)
    execute_process(COMMAND "${ANTPOOL_CARGO}" ${subcommand} --version
        RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
        set(${result} ON PARENT_SCOPE)
    else()
        set(${result} OFF PARENT_SCOPE)
    endif()
endfunction()
antpool_find_component(found_clippy clippy)
antpool_find_component(found_rustfmt fmt)
antpool_needs(have_clippy "rust/clippy" found_clippy clippy "rustup component add clippy")
antpool_needs(have_rustfmt "rust/fmt" found_rustfmt rustfmt "rustup component add rustfmt")

antpool_cargo_test(rust/test cargo-debug COMMAND test --locked)
antpool_cargo_test(rust/doc cargo-debug "RUSTDOCFLAGS=-D warnings"
    COMMAND doc --locked --lib --no-deps --document-private-items)
if(have_clippy)
    antpool_cargo_test(rust/clippy cargo-debug
        COMMAND clippy --locked --all-targets -- -D warnings)
endif()
if(have_rustfmt)
    antpool_cargo_test(rust/fmt cargo-debug COMMAND fmt --check)
endif()

# Loom tries every interleaving of its models; with each of the mutants it has to find a mistake.
# That there are models at all is part of the promise.
antpool_cargo_test(rust/loom cargo-loom "RUSTFLAGS=--cfg loom"
    COMMAND test --locked --release --lib -- --skip mutants::)
antpool_cargo_test(rust/mutants cargo-loom "RUSTFLAGS=--cfg loom"
    COMMAND test --locked --release --lib -- mutants::)
# Minutes on an idle machine; the models are finite, so that a limit could only meet a loaded one.
set_tests_properties(rust/loom rust/mutants PROPERTIES
    TIMEOUT 14400 FAIL_REGULAR_EXPRESSION "ok\\. 0 passed")

# Miri runs the same models as they are shipped, and the tests of the crate: with real atomic operations it chooses what each
# load reads, and it sees what no other check sees of how pointers are made. It has to find mistakes that loom cannot see.
antpool_find_component(found_miri "+nightly;miri")
antpool_needs(have_miri "rust/miri" found_miri miri
    "rustup toolchain install nightly --profile minimal --component miri,rust-src")
if(have_miri)
    # Some models leave what they have made to the end of the process; other checks look for leaks.
    antpool_cargo_test(rust/miri cargo-miri "MIRIFLAGS=-Zmiri-ignore-leaks"
        COMMAND +nightly miri test --locked --lib)
    set_tests_properties(rust/miri PROPERTIES FAIL_REGULAR_EXPRESSION "ok\\. 0 passed")
    add_test(NAME rust/miri-mutants COMMAND "${CMAKE_COMMAND}" -DCARGO=${ANTPOOL_CARGO}
        -P "${PROJECT_SOURCE_DIR}/tests/miri_mutants.cmake"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(rust/miri-mutants PROPERTIES
        ENVIRONMENT "CARGO_TARGET_DIR=${PROJECT_BINARY_DIR}/cargo-miri"
        RESOURCE_LOCK cargo-miri LABELS rust TIMEOUT 1800)
endif()
