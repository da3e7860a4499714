/*
 * A busy neighbour: a process that uses as much of a CPU as the system lets it have, and does nothing else. It
 * writes one byte to standard output when it has begun.
 */
#include "bench.h"

int main(void)
{
    if (write(STDOUT_FILENO, "", 1) != 1)
        bench_fail("its parent does not listen");
    for (volatile unsigned long turn = 0;; turn++)
        continue;
}
