# Does with one TOOL what docs/packaging.md says, as its user would, and runs the program: conan, meson,
# bazel or vcpkg; nix has nothing to build with here, and only evaluates its recipe.

set(ENV{CARGO_PROFILE_RELEASE_LTO} off) # What is made here has to work, not to be fast.
set(ENV{CARGO_PROFILE_RELEASE_OPT_LEVEL} 0)
set(recipes "${SOURCE}/docs/packaging")

function(run)
    execute_process(COMMAND ${ARGN}
        WORKING_DIRECTORY "${WORK_DIR}" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# A copy of the sources, as they come, and of the recipe with their place in it.
function(copy_recipe name)
    file(GLOB tree "${SOURCE}/*")
    list(FILTER tree EXCLUDE REGEX "/(\\.[^/]*|(build|target)(-[^/]*)?)$") # .git above all.
    file(COPY ${tree} DESTINATION "${WORK_DIR}/source")
    file(COPY "${recipes}/${name}/" "${recipes}/hello.c" DESTINATION "${WORK_DIR}/project")
    foreach(file IN LISTS ARGN)
        file(READ "${WORK_DIR}/project/${file}" text)
        string(REPLACE "ANTPOOL" "${WORK_DIR}/source" text "${text}")
        file(WRITE "${WORK_DIR}/project/${file}" "${text}")
    endforeach()
endfunction()

function(expect_greeting)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
    if(NOT printed STREQUAL "hello, world\n")
        message(FATAL_ERROR "${ARGN} prints ${printed}")
    endif()
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")

if(TOOL STREQUAL "conan")
    # The recipe's own test runs the program, and is built where the recipe lies.
    copy_recipe(conan)
    set(ENV{CONAN_HOME} "${WORK_DIR}/home")
    run("${PROGRAM}" profile detect)
    foreach(shared IN ITEMS True False)
        run("${PROGRAM}" create source/docs/packaging/conan -o "antpool/*:shared=${shared}")
    endforeach()

elseif(TOOL STREQUAL "meson")
    copy_recipe(meson subprojects/antpool.wrap)
    # wrap-git takes a repository.
    foreach(command IN ITEMS "init;--quiet" "add;--all" "commit;--quiet;--message=sources")
        run("${GIT}" -C source -c user.name=antpool -c user.email=antpool@antpool.invalid ${command})
    endforeach()
    run("${PROGRAM}" setup build project)
    run("${PROGRAM}" compile -C build)
    expect_greeting("${WORK_DIR}/build/hello")

elseif(TOOL STREQUAL "bazel")
    # The rules for C++ are fetched from the network, so that only what is antpool's is built.
    copy_recipe(bazel WORKSPACE MODULE.bazel)
    set(rules)
    foreach(rule IN ITEMS rules_cc:rules/cc rules_java:rules/java rules_proto:rules/proto
            platforms:tools/platforms bazel_skylib:tools/skylib)
        string(REPLACE ":" "=/usr/share/bazel/" rule "${rule}")
        list(APPEND rules "--override_repository=${rule}")
    endforeach()
    execute_process(
        COMMAND "${PROGRAM}" "--output_user_root=${WORK_DIR}/bazel" --batch build --jobs=2 ${rules}
            --action_env=CARGO_PROFILE_RELEASE_LTO --action_env=CARGO_PROFILE_RELEASE_OPT_LEVEL
            @antpool//:build
        WORKING_DIRECTORY "${WORK_DIR}/project" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
    run("${COMPILER}" project/hello.c -Isource/include
        project/bazel-bin/external/antpool/lib/libantpool.a -lpthread -ldl -lm -o hello)
    expect_greeting("${WORK_DIR}/hello")

elseif(TOOL STREQUAL "nix")
    # With stand-ins for what the recipe takes from nixpkgs.
    file(WRITE "${WORK_DIR}/try.nix" "
let lib = {
  importTOML = file: builtins.fromTOML (builtins.readFile file);
  cmakeBool = name: value: \"-D\${name}=\${if value then \"ON\" else \"OFF\"}\";
  licenses.mit = \"MIT\"; platforms.linux = [ ];
}; in builtins.concatStringsSep \" \" (let package = import ${recipes}/nix/package.nix {
  inherit lib; stdenv.mkDerivation = arguments: arguments;
  cargo = null; cmake = null; rustc = null;
  rustPlatform = { importCargoLock = { lockFile }: builtins.readFile lockFile; cargoSetupHook = null; };
}; in [ package.pname package.version ] ++ package.cmakeFlags)")
    execute_process(
        COMMAND "${PROGRAM}" --eval --strict "${WORK_DIR}/try.nix"
        OUTPUT_VARIABLE value OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    if(NOT value STREQUAL
            "\"antpool ${VERSION} -DANTPOOL_BUILD_EXAMPLES=OFF -DANTPOOL_BUILD_TESTS=OFF\"")
        message(FATAL_ERROR "The recipe is: ${value}")
    endif()

elseif(TOOL STREQUAL "vcpkg")
    # With stand-ins for the functions of vcpkg that the port calls.
    set(ENV{ANTPOOL_SOURCE} "${SOURCE}")
    set(PORT antpool)
    function(vcpkg_cmake_configure)
        cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
        run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B build -DCMAKE_INSTALL_LIBDIR=lib
            "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" ${arg_OPTIONS})
    endfunction()
    function(vcpkg_cmake_install)
        run("${CMAKE_COMMAND}" --build build --target install)
    endfunction()
    function(vcpkg_cmake_config_fixup)
        cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
        file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share")
        file(RENAME "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/${PORT}")
        file(READ "${CURRENT_PACKAGES_DIR}/share/${PORT}/antpoolConfig.cmake" config)
        string(REGEX REPLACE "LIST_DIR}/(\\.\\./)+\" ABSOLUTE" "LIST_DIR}/../../\" ABSOLUTE"
            config "${config}")
        file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/antpoolConfig.cmake" "${config}")
    endfunction()
    function(vcpkg_fixup_pkgconfig)
        if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/antpool.pc")
            message(FATAL_ERROR "There is no antpool.pc")
        endif()
    endfunction()
    function(vcpkg_install_copyright)
        cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
        file(COPY ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
    endfunction()
    file(READ "${recipes}/vcpkg/antpool/vcpkg.json" manifest)
    string(JSON version GET "${manifest}" version)
    if(NOT version STREQUAL VERSION)
        message(FATAL_ERROR "vcpkg.json is for version ${version}")
    endif()
    foreach(VCPKG_LIBRARY_LINKAGE IN ITEMS dynamic static)
        set(CURRENT_PACKAGES_DIR "${WORK_DIR}/${VCPKG_LIBRARY_LINKAGE}")
        set(CMAKE_CURRENT_LIST_DIR "${recipes}/vcpkg/antpool") # Where the port's files lie.
        include("${recipes}/vcpkg/antpool/portfile.cmake")
        set(target antpool::antpool)
        if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
            set(target antpool::antpool_static)
        endif()
        run("${CMAKE_COMMAND}" -S "${recipes}/conan/test_package" -B "hello-${VCPKG_LIBRARY_LINKAGE}"
            "-DCMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}" "-DTARGET=${target}")
        run("${CMAKE_COMMAND}" --build "hello-${VCPKG_LIBRARY_LINKAGE}")
        expect_greeting("${WORK_DIR}/hello-${VCPKG_LIBRARY_LINKAGE}/hello")
    endforeach()

else()
    message(FATAL_ERROR "There is no recipe for: ${TOOL}")
endif()
