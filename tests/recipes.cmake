# The recipes of docs/packaging, with each tool that is here.

find_program(ANTPOOL_CONAN conan)
find_program(ANTPOOL_MESON meson)
find_program(ANTPOOL_BAZEL bazel)
find_program(ANTPOOL_NIX nix-instantiate)
find_program(ANTPOOL_GIT git)
mark_as_advanced(ANTPOOL_CONAN ANTPOOL_MESON ANTPOOL_BAZEL ANTPOOL_NIX ANTPOOL_GIT)

# antpool_recipe_test(<tool> <program>)
function(antpool_recipe_test tool program)
    add_test(NAME "recipes/${tool}" COMMAND "${CMAKE_COMMAND}"
        "-DTOOL=${tool}" "-DPROGRAM=${program}" "-DGIT=${ANTPOOL_GIT}"
        "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DVERSION=${PROJECT_VERSION}"
        "-DCOMPILER=${CMAKE_C_COMPILER}"
        "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/recipes/${tool}" -P "${check_dir}/recipes.cmake")
    set_tests_properties("recipes/${tool}" PROPERTIES LABELS "recipes" TIMEOUT 1800)
endfunction()

antpool_recipe_test(vcpkg "")
antpool_needs(have_conan "recipes/conan" ANTPOOL_CONAN conan "pip install conan")
if(have_conan)
    antpool_recipe_test(conan "${ANTPOOL_CONAN}")
endif()
antpool_needs(have_meson "recipes/meson" ANTPOOL_MESON meson "pip install meson"
    ANTPOOL_NINJA ninja "apt install ninja-build" ANTPOOL_GIT git "apt install git")
if(have_meson)
    antpool_recipe_test(meson "${ANTPOOL_MESON}")
endif()
antpool_needs(have_bazel "recipes/bazel" ANTPOOL_BAZEL bazel
    "apt install bazel-bootstrap bazel-rules-cc bazel-rules-java bazel-rules-proto bazel-skylib")
if(have_bazel)
    antpool_recipe_test(bazel "${ANTPOOL_BAZEL}")
endif()
antpool_needs(have_nix "recipes/nix" ANTPOOL_NIX nix-instantiate "apt install nix-bin")
if(have_nix)
    antpool_recipe_test(nix "${ANTPOOL_NIX}")
endif()
