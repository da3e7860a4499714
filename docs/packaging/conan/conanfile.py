"""antpool for Conan 2, from the source tree that this file lies in: conan create docs/packaging/conan"""

import os
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rm, rmdir

ROOT = os.path.join("..", "..", "..")


class Antpool(ConanFile):
    name = "antpool"
    description = "A pool of fixed capacity that runs C functions on recycled workers"
    license = "MIT"
    topics = ("thread-pool", "concurrency", "fibers")
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}

    def set_version(self):
        manifest = load(self, os.path.join(self.recipe_folder, ROOT, "Cargo.toml"))
        self.version = re.search(r'^version = "(.*)"', manifest, re.MULTILINE)[1]

    def export_sources(self):
        root = os.path.join(self.recipe_folder, ROOT)
        for pattern in ("CMakeLists.txt", "Cargo.*", "LICENSE", "README.md", "build.rs",
                        "cmake/*", "examples-c/*", "include/*", "src/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def configure(self):
        # The C++ in it is one file, which needs none of the C++ library that it is compiled with.
        self.settings.rm_safe("compiler.libcxx")
        self.settings.rm_safe("compiler.cppstd")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["ANTPOOL_BUILD_TESTS"] = False
        toolchain.cache_variables["ANTPOOL_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder,
             dst=os.path.join(self.package_folder, "licenses"))
        libraries = os.path.join(self.package_folder, "lib")
        rm(self, "libantpool.a" if self.options.shared else "libantpool.so*", libraries)
        # Conan writes these for whoever asks for them.
        rmdir(self, os.path.join(libraries, "cmake"))
        rmdir(self, os.path.join(libraries, "pkgconfig"))

    def package_info(self):
        target = "antpool::antpool" if self.options.shared else "antpool::antpool_static"
        self.cpp_info.set_property("cmake_file_name", "antpool")
        self.cpp_info.set_property("cmake_target_name", target)
        self.cpp_info.set_property("pkg_config_name", "antpool")
        self.cpp_info.libs = ["antpool"]
        if not self.options.shared:
            self.cpp_info.system_libs = ["pthread", "dl", "m"]
