/*
 * How long a process takes to load a library that it did not have: one dlopen().
 *
 *     PROGRAM NAME load 1
 */
#include "bench.h"

#include <dlfcn.h>

static const struct {
    const char *name, *file;
} libraries[] = {
    { "antpool", "libantpool.so" }, { "glib", "libglib-2.0.so.0" }, { "tbb-group", "libtbb.so.12" },
    { "libuv", "libuv.so.1" },      { "apr", "libaprutil-1.so.0" },
};

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: PROGRAM NAME load 1");
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (strcmp(libraries[i].name, argv[1]) != 0)
            continue;
        int64_t begin = bench_now_ns();
        void *library = dlopen(libraries[i].file, RTLD_NOW);
        int64_t took = bench_now_ns() - begin;
        if (library == NULL)
            bench_unsupported(dlerror());
        printf("%s load %.1f\n", argv[1], (double)took);
        return EXIT_SUCCESS;
    }
    bench_fail("no library of that name");
    return EXIT_FAILURE;
}
