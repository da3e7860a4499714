/*
 * Mistakes in tasks that the tools have to see through the pool: the first argument names one, and the second
 * is "fiber" for a task on a fiber. If the tools did not see them, their silence about the other programs
 * would say nothing.
 */
#define _GNU_SOURCE

#include <antpool.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int shared;
static int freed_fds[2];
static volatile int largest = INT_MAX;

/* The main thread writes as well, after a while but without having waited for this task. */
static void data_race(void *arg)
{
    (void)arg;
    shared++;
}

static void leak(void *arg)
{
    char *volatile lost = malloc(1000);
    if (lost != NULL)
        lost[0] = (char)*(int *)arg;
}

/* The memory is gone when the byte arrives that this task waits for. */
static void use_after_free(void *arg)
{
    char byte;
    if (read(freed_fds[0], &byte, 1) == 1)
        *(int *)arg = byte;
}

static void overflow(void *arg)
{
    *(int *)arg = largest + 1;
}

/* The bytes behind a local array. */
static void past_the_frame(void *arg)
{
    volatile char local[16] = {0};
    volatile char *first = local;
    first[sizeof local + (size_t) * (int *)arg] = 1;
}

static void must(int holds)
{
    if (!holds) {
        perror("mistakes");
        abort();
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        antpool_task_fn run;
    } mistakes[] = {{"data_race", data_race},
                    {"leak", leak},
                    {"use_after_free", use_after_free},
                    {"overflow", overflow},
                    {"past_the_frame", past_the_frame}};
    antpool_task_fn mistake = NULL;
    for (size_t i = 0; argc >= 2 && i < sizeof mistakes / sizeof mistakes[0]; i++)
        if (strcmp(argv[1], mistakes[i].name) == 0)
            mistake = mistakes[i].run;
    must(mistake != NULL && pipe(freed_fds) == 0);

    int *number = calloc(1, sizeof *number);
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    if (argc == 3 && strcmp(argv[2], "fiber") == 0)
        options.worker_kind = ANTPOOL_WORKER_FIBER;
    antpool_t *pool = NULL;
    must(number != NULL && antpool_new(1, &options, &pool) == ANTPOOL_OK);
    must(antpool_submit(pool, mistake, number) == ANTPOOL_OK);
    if (mistake == data_race) {
        usleep(100 * 1000);
        shared++;
    }
    if (mistake == use_after_free) {
        free(number);
        number = NULL;
        must(write(freed_fds[1], "x", 1) == 1);
    }
    must(antpool_destroy(pool) == ANTPOOL_OK);
    free(number);
    return EXIT_SUCCESS;
}
