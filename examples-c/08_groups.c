/*
 * A group of tasks of which the first failure cancels the rest: the parts of a file are checked, and as
 * soon as one is damaged there is no point in looking at the others.
 *
 * Build and run:
 *     cc -Iinclude examples-c/08_groups.c target/release/libantpool.a -lpthread -ldl -lm -o groups
 *     ./groups
 * Prints:
 *     all parts are good: yes
 *     parts checked: 1000, given up: 0
 *     all parts are good: no
 *     every part was checked or given up: yes
 *     parts given up: some
 *     the first failure: part 10 is damaged
 */
#include <antpool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 1000, DAMAGED = 10, PART_SIZE = 1000 };

/* What the tasks of one check share. */
typedef struct check_t {
    antpool_group_t *group;
    int made, checked, given_up;
    int failed; /* the first failure has been written down */
    char failure[64];
} check_t;

/* One part, which the task that gets it frees. */
typedef struct part_t {
    check_t *check;
    int number;
    unsigned char bytes[PART_SIZE];
    unsigned char sum;
} part_t;

static unsigned char sum_of(const part_t *part)
{
    unsigned char sum = 0;
    for (int i = 0; i < PART_SIZE; i++)
        sum = (unsigned char)(sum * 31 + part->bytes[i]);
    return sum;
}

/* What becomes of a part whose task never runs. */
static void give_up(void *arg)
{
    part_t *part = (part_t *)arg;
    __atomic_add_fetch(&part->check->given_up, 1, __ATOMIC_RELAXED);
    free(part);
}

/* The task. A long one would ask antpool_is_canceled() from time to time. */
static void check_part(void *arg)
{
    part_t *part = (part_t *)arg;
    check_t *check = part->check;
    if (sum_of(part) != part->sum && !__atomic_exchange_n(&check->failed, 1, __ATOMIC_RELAXED)) {
        snprintf(check->failure, sizeof check->failure, "part %d is damaged", part->number);
        antpool_group_cancel(check->group, give_up);
        antpool_task_fail(check->failure);
    }
    __atomic_add_fetch(&check->checked, 1, __ATOMIC_RELAXED);
    free(part);
}

/* Told of each task that has failed; here the message is kept in the check already. */
static void on_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
}

/* Checks all parts of a file; true if they are good. */
static int check_file(antpool_t *pool, check_t *check, int damaged)
{
    memset(check, 0, sizeof *check);
    if (antpool_group_new(&check->group) != ANTPOOL_OK)
        exit(EXIT_FAILURE);
    antpool_status_t status = ANTPOOL_OK;
    for (int number = 1; number <= PARTS && status == ANTPOOL_OK; number++) {
        part_t *part = (part_t *)calloc(1, sizeof *part);
        if (part == NULL)
            exit(EXIT_FAILURE);
        check->made++;
        part->check = check;
        part->number = number;
        memset(part->bytes, number, PART_SIZE);
        part->sum = (unsigned char)(sum_of(part) + (number == damaged));
        /* Waits while the pool is full, and says ANTPOOL_ERR_CANCELED once a part was damaged. */
        status = antpool_group_submit(check->group, pool, check_part, part);
        if (status != ANTPOOL_OK)
            give_up(part);
    }
    status = antpool_group_wait(check->group);
    antpool_group_destroy(check->group);
    return status == ANTPOOL_OK;
}

int main(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity = 100;
    options.panic_handler = on_failure;
    antpool_t *pool = NULL;
    if (antpool_new(4, &options, &pool) != ANTPOOL_OK)
        return EXIT_FAILURE;

    check_t check;
    printf("all parts are good: %s\n", check_file(pool, &check, 0) ? "yes" : "no");
    printf("parts checked: %d, given up: %d\n", check.checked, check.given_up);

    printf("all parts are good: %s\n", check_file(pool, &check, DAMAGED) ? "yes" : "no");
    printf("every part was checked or given up: %s\n",
           check.checked + check.given_up == check.made ? "yes" : "no");
    printf("parts given up: %s\n", check.given_up > 0 ? "some" : "none");
    printf("the first failure: %s\n", check.failure);
    antpool_destroy(pool);
    return EXIT_SUCCESS;
}
