/*
 * A deadline on a submit: antpool_submit_timeout waits for room, but only for a given time.
 * The one worker of the pool is held up; a submit with 50 ms gives up, one with 10 s gets in
 * after the worker has been let go.
 *
 * Build and run:
 *     cc -Iinclude examples-c/03_deadline.c target/release/libantpool.a -lpthread -ldl -lm \
 *         -o deadline
 *     ./deadline
 * Prints:
 *     50 ms, worker held up: ANTPOOL_ERR_TIMED_OUT
 *     gave up too early: no
 *     10 s, worker let go: ANTPOOL_OK
 *     greetings: 1
 */
#define _POSIX_C_SOURCE 200809L

#include <antpool.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* While main holds this lock, the first task cannot finish. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int greetings; /* Written by the pool's one worker, read after antpool_wait. */

static void hold_up(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void greet(void *arg)
{
    (void)arg;
    greetings++;
}

/* The clock that antpool measures its waits with: it goes on evenly when the date is changed. */
static int64_t now_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        perror("clock_gettime");
        exit(EXIT_FAILURE);
    }
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
    antpool_t *pool;
    must(antpool_new(1, NULL, &pool));

    pthread_mutex_lock(&gate);
    must(antpool_submit(pool, hold_up, NULL));

    /* The wait may end a little late, when the system is busy; it never ends early. */
    int64_t before = now_ms();
    antpool_status_t status = antpool_submit_timeout(pool, greet, NULL, 50);
    int64_t waited = now_ms() - before;
    printf("50 ms, worker held up: %s\n", antpool_status_name(status));
    printf("gave up too early: %s\n", waited < 50 ? "yes" : "no");
    pthread_mutex_unlock(&gate);

    status = antpool_submit_timeout(pool, greet, NULL, 10000);
    printf("10 s, worker let go: %s\n", antpool_status_name(status));
    must(status);

    /* The submit that timed out has left nothing behind: greet has run once, not twice. */
    must(antpool_wait(pool));
    printf("greetings: %d\n", greetings);

    must(antpool_destroy(pool));
    return EXIT_SUCCESS;
}
