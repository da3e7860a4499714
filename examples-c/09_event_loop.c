/*
 * An event loop that hands its work away. One thread sleeps in poll(), for a timer and for results; workers
 * count primes. The results come on the thread of the loop, in the order in which the work was handed away, so
 * that nothing there needs a lock. The descriptor goes into epoll, libuv, GLib or asyncio in the same way.
 *
 * Build and run:
 *     cc -Iinclude examples-c/09_event_loop.c target/release/libantpool.a -lpthread -ldl -lm -o loop
 *     ./loop
 * Prints:
 *     part 0: 1229 primes
 *     part 1: 1033 primes
 *     part 2: 983 primes
 *     part 3: 958 primes
 *     part 4: 930 primes
 *     part 5: 924 primes
 *     part 6: 878 primes
 *     part 7: 902 primes
 *     part 8: 876 primes
 *     part 9: 879 primes
 *     ticks while the workers worked: some
 */
#define _POSIX_C_SOURCE 200809L /* CLOCK_MONOTONIC */
#include <antpool.h>

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PARTS = 10, PART = 10000 };

typedef struct part_t {
    int number;
    int primes;
} part_t;

static int left = PARTS; /* touched by the loop alone */

/* On a worker. */
static void count_primes(void *arg)
{
    part_t *part = (part_t *)arg;
    for (int n = part->number * PART; n < (part->number + 1) * PART; n++) {
        int is_prime = n > 1;
        for (int divisor = 2; is_prime && divisor * divisor <= n; divisor++)
            is_prime = n % divisor != 0;
        part->primes += is_prime;
    }
    antpool_sleep_ms(5); /* a little longer, so that the timer has its say */
}

/* On the thread of the loop. */
static void print_part(void *arg, antpool_status_t status)
{
    part_t *part = (part_t *)arg;
    left--;
    if (status == ANTPOOL_OK)
        printf("part %d: %d primes\n", part->number, part->primes);
    else
        printf("part %d: %s\n", part->number, antpool_status_message(status));
}

static int new_timer(void)
{
    const struct itimerspec every_ms = {{0, 1000000}, {0, 1000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (timer < 0 || timerfd_settime(timer, 0, &every_ms, NULL) != 0) {
        perror("timer");
        exit(EXIT_FAILURE);
    }
    return timer;
}

int main(void)
{
    antpool_t *pool = NULL;
    antpool_completions_t *results = NULL;
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity = PARTS;
    if (antpool_new(4, &options, &pool) != ANTPOOL_OK ||
        antpool_completions_new(ANTPOOL_ORDERED, &results) != ANTPOOL_OK)
        return EXIT_FAILURE;

    /* A loop never waits for room: one that finds none would keep the work until later. */
    part_t parts[PARTS];
    for (int i = 0; i < PARTS; i++) {
        parts[i].number = i;
        parts[i].primes = 0;
        if (antpool_try_completions_submit(results, pool, count_primes, print_part, &parts[i]) !=
            ANTPOOL_OK)
            return EXIT_FAILURE;
    }

    uint64_t ticks = 0;
    struct pollfd entries[] = {{antpool_completions_fd(results), POLLIN, 0},
                               {new_timer(), POLLIN, 0}};
    while (left > 0) {
        if (poll(entries, 2, -1) < 0)
            return EXIT_FAILURE;
        if (entries[0].revents != 0)
            antpool_completions_dispatch(results, 0);
        uint64_t more = 0;
        if (entries[1].revents != 0 && read(entries[1].fd, &more, sizeof more) == sizeof more)
            ticks += more;
    }
    printf("ticks while the workers worked: %s\n", ticks > 0 ? "some" : "none");
    close(entries[1].fd);
    antpool_completions_destroy(results);
    antpool_destroy(pool);
    return EXIT_SUCCESS;
}
