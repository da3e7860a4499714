/*
 * The first program: a thousand tasks on the default pool, then a thousand invocations of a
 * pool of ten workers that was made for one function.
 *
 * Build and run:
 *     cc -Iinclude examples-c/01_hello.c target/release/libantpool.a -lpthread -ldl -lm -o hello
 *     ./hello
 * Prints:
 *     default pool: sum 499500
 *     pool of ten: sum 499500, running workers 10
 */
#include <antpool.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static long sum;

/* Several workers add at the same time, so the addition has to be atomic. */
static void add(void *arg)
{
    __atomic_fetch_add(&sum, (long)(intptr_t)arg, __ATOMIC_RELAXED);
}

/* Takes long enough that a pool of ten is given all of its ten workers. */
static void add_slowly(void *arg)
{
    antpool_sleep_ms(1);
    add(arg);
}

static void must(antpool_status_t status)
{
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "%s\n", antpool_status_message(status));
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    /* The default pool exists once per process; nobody makes it and nobody destroys it. */
    antpool_t *pool = antpool_default();
    for (intptr_t i = 0; i < 1000; i++)
        must(antpool_submit(pool, add, (void *)i));
    must(antpool_wait(pool)); /* What the tasks wrote is visible after this. */
    printf("default pool: sum %ld\n", sum);

    /* A pool with a function takes only the argument; invoke waits while all ten are busy. */
    sum = 0;
    must(antpool_new_with_func(10, add_slowly, NULL, &pool));
    for (intptr_t i = 0; i < 1000; i++)
        must(antpool_invoke(pool, (void *)i));
    int64_t running = antpool_running(pool);
    must(antpool_wait(pool));
    printf("pool of ten: sum %ld, running workers %" PRId64 "\n", sum, running);

    must(antpool_destroy(pool));
    return EXIT_SUCCESS;
}
