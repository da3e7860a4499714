/*
 * Channels. A pipeline of fibers: one makes numbers, four square them, one adds them up. Each stage is a task
 * that waits for the one before it and suspends itself meanwhile; a channel that is full holds up whoever
 * sends into it, and a close at the one end travels to the other.
 *
 * Build and run:
 *     cc -Iinclude examples-c/14_channels.c target/release/libantpool.a -lpthread -ldl -lm -o channels
 *     ./channels
 * Prints:
 *     the sum of the squares of 1 to 10000: 333383335000
 *     nothing came within 10 ms
 */
#include <antpool.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBERS = 10000, SQUARERS = 4 };

static antpool_chan_t *numbers, *squares, *results;
static antpool_mutex_t mutex = ANTPOOL_MUTEX_INIT;
static int squaring = SQUARERS; /* behind the mutex: how many still work */

/* Ends the program if a call says anything but ANTPOOL_OK. */
static void require(antpool_status_t status)
{
    if (status == ANTPOOL_OK)
        return;
    fprintf(stderr, "%s\n", antpool_status_message(status));
    exit(EXIT_FAILURE);
}

/* The first stage. A value is a pointer; these are numbers in the place of one. */
static void make_numbers(void *arg)
{
    (void)arg;
    for (uintptr_t number = 1; number <= NUMBERS; number++)
        require(antpool_chan_send(numbers, (void *)number));
    require(antpool_chan_close(numbers));
}

/* The second stage, which four fibers share. The last of them closes what it sends into. */
static void square(void *arg)
{
    (void)arg;
    void *value;
    while (antpool_chan_recv(numbers, &value) == ANTPOOL_OK) {
        const uintptr_t number = (uintptr_t)value;
        require(antpool_chan_send(squares, (void *)(number * number)));
    }
    require(antpool_mutex_lock(&mutex));
    if (--squaring == 0)
        require(antpool_chan_close(squares));
    require(antpool_mutex_unlock(&mutex));
}

/* The third stage. */
static void add_up(void *arg)
{
    unsigned long long *sum = arg;
    void *value;
    while (antpool_chan_recv(squares, &value) == ANTPOOL_OK)
        *sum += (uintptr_t)value;
    require(antpool_chan_send(results, sum));
}

int main(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = ANTPOOL_WORKER_FIBER;
    antpool_t *pool;
    require(antpool_new(SQUARERS + 2, &options, &pool));
    require(antpool_chan_new(0, &numbers)); /* each send waits for its receiver */
    require(antpool_chan_new(100, &squares));
    require(antpool_chan_new(1, &results));

    unsigned long long sum = 0;
    require(antpool_submit(pool, add_up, &sum));
    for (int i = 0; i < SQUARERS; i++)
        require(antpool_submit(pool, square, NULL));
    require(antpool_submit(pool, make_numbers, NULL));

    /* The main thread waits for the result, which comes from a fiber. */
    void *result;
    require(antpool_chan_recv(results, &result));
    printf("the sum of the squares of 1 to %d: %llu\n", NUMBERS, *(unsigned long long *)result);

    /* Whatever comes first, within 10 ms. A case with the channel NULL would never be ready. */
    antpool_chan_case_t cases[] = {{results, NULL, ANTPOOL_CHAN_RECV, 0},
                                   {NULL, NULL, ANTPOOL_CHAN_RECV, 0}};
    size_t index;
    if (antpool_chan_select(cases, 2, 10, &index) == ANTPOOL_ERR_TIMED_OUT)
        printf("nothing came within 10 ms\n");

    require(antpool_destroy(pool));
    require(antpool_chan_destroy(numbers));
    require(antpool_chan_destroy(squares));
    require(antpool_chan_destroy(results));
    return EXIT_SUCCESS;
}
