/*
 * Tasks that fail: a panic handler gets which task of which pool failed and why, and the pool
 * goes on. antpool_task_fail marks the task and returns; antpool_panic does not return.
 *
 * Build and run (-fexceptions because antpool_panic unwinds through C frames):
 *     cc -fexceptions -Iinclude examples-c/04_panics.c target/release/libantpool.a \
 *         -lpthread -ldl -lm -o panics
 *     ./panics
 * Prints:
 *     order 1: delivered
 *     order 2: failed: the address is empty
 *     order 3: written back, then failed: the parcel is too heavy
 *     order 4: delivered
 *     tasks completed 4, of them panicked 2
 */
#include <antpool.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void deliver(void *arg)
{
    int order = (int)(intptr_t)arg;
    printf("order %d: ", order);

    /* Leaves the task at once, from however deep in the call stack. What the frames in between
     * hold (memory, locks) is not given back, unless they have cleanups of their own. */
    if (order == 2)
        antpool_panic("the address is empty");

    /* Only says that the task has failed; the task goes on and ends tidily. */
    if (order == 3) {
        antpool_task_fail("the parcel is too heavy");
        printf("written back, then ");
        return;
    }
    printf("delivered\n");
}

/* Called once per failed task, on its worker; the message is valid only during the call. */
static void on_panic(void *data, const antpool_panic_info_t *info)
{
    int *failed = data;
    ++*failed;
    printf("failed: %s\n", info->message);
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
    int failed = 0;
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.panic_handler = on_panic;
    options.panic_data = &failed;

    /* One worker takes the tasks in the order of their submits: the lines come in order. */
    antpool_t *pool;
    must(antpool_new(1, &options, &pool));
    for (intptr_t order = 1; order <= 4; order++)
        must(antpool_submit(pool, deliver, (void *)order));
    must(antpool_wait(pool));

    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    must(antpool_get_stats(pool, &stats));
    printf("tasks completed %" PRIu64 ", of them panicked %" PRIu64 "\n", stats.completed,
           stats.panicked);

    must(antpool_destroy(pool));
    return failed == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
