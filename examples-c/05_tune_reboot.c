/*
 * A pool that changes its size while it works, is closed, and is opened again.
 *
 * Build and run:
 *     cc -Iinclude examples-c/05_tune_reboot.c target/release/libantpool.a -lpthread -ldl -lm \
 *         -o tune_reboot
 *     ./tune_reboot
 * Prints:
 *     capacity 2, running 2, open: made for 2, two busy
 *     capacity 4, running 4, open: grown to 4, two more busy
 *     capacity 1, running 4, open: shrunk to 1, four still busy
 *     release with 10 ms: ANTPOOL_ERR_TIMED_OUT
 *     capacity 1, running 4, closed: released, four still busy
 *     capacity 1, running 0, closed: every worker has exited
 *     submit to the closed pool: ANTPOOL_ERR_CLOSED
 *     capacity 1, running 1, open: rebooted, one busy
 *     tasks done: 5
 */
#include <antpool.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* While main holds this lock no task can finish, so that the sizes are always the same. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int done; /* guarded by gate */

static void work(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&gate);
    done++;
    pthread_mutex_unlock(&gate);
}

static void must(antpool_status_t status)
{
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "%s\n", antpool_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void print_sizes(const antpool_t *pool, const char *when)
{
    printf("capacity %" PRId64 ", running %" PRId64 ", %s: %s\n", antpool_capacity(pool),
           antpool_running(pool), antpool_is_closed(pool) ? "closed" : "open", when);
}

int main(void)
{
    antpool_t *pool;
    must(antpool_new(2, NULL, &pool));

    pthread_mutex_lock(&gate);
    must(antpool_submit(pool, work, NULL));
    must(antpool_submit(pool, work, NULL));
    print_sizes(pool, "made for 2, two busy");

    must(antpool_tune(pool, 4));
    must(antpool_submit(pool, work, NULL));
    must(antpool_submit(pool, work, NULL));
    print_sizes(pool, "grown to 4, two more busy");

    /* Shrinking interrupts nobody: a surplus worker leaves when its task ends. */
    must(antpool_tune(pool, 1));
    print_sizes(pool, "shrunk to 1, four still busy");

    /* Closes the pool and waits for its workers, here in vain. The pool stays closed. */
    antpool_status_t status = antpool_release_timeout(pool, 10);
    printf("release with 10 ms: %s\n", antpool_status_name(status));
    print_sizes(pool, "released, four still busy");
    pthread_mutex_unlock(&gate);

    /* After a time-out the same call goes on waiting. */
    must(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER));
    print_sizes(pool, "every worker has exited");
    status = antpool_submit(pool, work, NULL);
    printf("submit to the closed pool: %s\n", antpool_status_name(status));

    /* The pool is as it was, with the capacity that it was tuned to. */
    must(antpool_reboot(pool));
    pthread_mutex_lock(&gate);
    must(antpool_submit(pool, work, NULL));
    print_sizes(pool, "rebooted, one busy");
    pthread_mutex_unlock(&gate);

    must(antpool_wait(pool));
    printf("tasks done: %d\n", done);
    must(antpool_destroy(pool));
    return EXIT_SUCCESS;
}
