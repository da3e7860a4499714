/*
 * Backpressure: antpool_try_submit never waits, and here is what to do when it turns you away.
 * A pool of two workers and three places in the queue is offered eight tasks while nothing can
 * finish: five are accepted, and the caller runs the other three itself.
 *
 * Build and run:
 *     cc -Iinclude examples-c/02_backpressure.c target/release/libantpool.a -lpthread -ldl -lm \
 *         -o backpressure
 *     ./backpressure
 * Prints:
 *     accepted 5, turned away 3 (ANTPOOL_ERR_OVERLOAD)
 *     available while full: 0
 *     available after the work: 5
 *     done by workers 5, by the caller 3
 */
#include <antpool.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* While main holds this lock no task can finish, so that the counts are always the same. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int by_workers; /* guarded by gate */
static int by_caller;

static void work(void *count)
{
    ++*(int *)count;
}

static void work_behind_the_gate(void *count)
{
    pthread_mutex_lock(&gate);
    work(count);
    pthread_mutex_unlock(&gate);
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
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity = 3;
    antpool_t *pool;
    must(antpool_new(2, &options, &pool));

    int accepted = 0, turned_away = 0;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 8; i++) {
        antpool_status_t status = antpool_try_submit(pool, work_behind_the_gate, &by_workers);
        if (status == ANTPOOL_ERR_OVERLOAD) {
            /* Turned away: nothing has happened and the argument is still ours. One can drop the
             * work, keep it for later, wait with antpool_submit, or, as here, do it in place:
             * a producer that works cannot produce faster than the pool keeps up with. */
            turned_away++;
            work(&by_caller);
        } else {
            must(status);
            accepted++;
        }
    }
    printf("accepted %d, turned away %d (%s)\n", accepted, turned_away,
           antpool_status_name(ANTPOOL_ERR_OVERLOAD));
    printf("available while full: %" PRId64 "\n", antpool_available(pool));
    pthread_mutex_unlock(&gate);

    must(antpool_wait(pool));
    printf("available after the work: %" PRId64 "\n", antpool_available(pool));
    printf("done by workers %d, by the caller %d\n", by_workers, by_caller);

    must(antpool_destroy(pool));
    return EXIT_SUCCESS;
}
