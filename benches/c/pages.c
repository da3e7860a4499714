/*
 * What the system takes to provide a page of memory when it is touched for the first time. Every pool whose
 * workers have stacks of their own pays that once for each stack, whatever else it does.
 *
 *     PROGRAM NAME sleep-touch PAGES    ns per page
 */
#include "bench.h"

#include <sys/mman.h>

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: PROGRAM NAME sleep-touch PAGES");
    const long pages = bench_number(argv[3], 1, 1L << 30);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (size_t)pages * page;
    char *memory =
        (char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        bench_fail("no memory");
    /* No huge pages, where the system has them: stacks do not lie side by side. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    int64_t begin = bench_now_ns();
    for (size_t at = 0; at < size; at += page)
        ((volatile char *)memory)[at] = 1;
    int64_t took = bench_now_ns() - begin;
    printf("%s %s %.1f\n", argv[1], argv[2], (double)took / (double)pages);
    return EXIT_SUCCESS;
}
