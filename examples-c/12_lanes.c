/*
 * Lanes. A bank keeps each account in a lane of its own: whoever wants to change an account submits a task
 * to its lane, and no account needs a lock. And a server keeps its slow requests in a lane that may have
 * half of the workers, so that quick ones always find one.
 *
 * Build and run:
 *     cc -Iinclude examples-c/12_lanes.c target/release/libantpool.a -lpthread -ldl -lm -o lanes
 *     ./lanes
 * Prints:
 *     transfers: 10000, money before: 100000, after: 100000
 *     transfers refused for lack of money: some
 *     quick requests answered while all slow ones were under way: 100
 *     slow requests answered: 20, at a time: 2
 */
#include <antpool.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program if a call says anything but ANTPOOL_OK. */
static void require(antpool_status_t status)
{
    if (status == ANTPOOL_OK)
        return;
    fprintf(stderr, "%s\n", antpool_status_message(status));
    exit(EXIT_FAILURE);
}

/* ---- Accounts without locks ------------------------------------------------------------------ */

enum { ACCOUNTS = 100, TRANSFERS = 10000, START = 1000 };

typedef struct account_t {
    antpool_lane_t *lane; /* Only its tasks touch what follows. */
    long money;
    long refused;
} account_t;

typedef struct transfer_t {
    account_t *from, *to;
    long money;
} transfer_t;

/* In the lane of the account that gets it. */
static void deposit(void *arg)
{
    const transfer_t *transfer = (const transfer_t *)arg;
    transfer->to->money += transfer->money;
}

/* In the lane of the account that pays. */
static void withdraw(void *arg)
{
    transfer_t *transfer = (transfer_t *)arg;
    if (transfer->from->money < transfer->money) {
        transfer->from->refused++;
        return;
    }
    transfer->from->money -= transfer->money;
    require(antpool_lane_submit(transfer->to->lane, deposit, transfer));
}

static void transfer_money(antpool_t *pool)
{
    static account_t accounts[ACCOUNTS];
    static transfer_t transfers[TRANSFERS];
    long before = 0, after = 0, refused = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        require(antpool_lane_new(pool, 1, &accounts[i].lane));
        before += accounts[i].money = START;
    }
    for (int i = 0; i < TRANSFERS; i++) {
        transfers[i].from = &accounts[i * 7 % ACCOUNTS];
        transfers[i].to = &accounts[i * 11 % ACCOUNTS];
        transfers[i].money = i % 700;
        require(antpool_lane_submit(transfers[i].from->lane, withdraw, &transfers[i]));
    }
    /* For all lanes at once. antpool_lane_wait() waits for one. */
    require(antpool_wait(pool));
    for (int i = 0; i < ACCOUNTS; i++) {
        after += accounts[i].money;
        refused += accounts[i].refused;
        require(antpool_lane_destroy(accounts[i].lane));
    }
    printf("transfers: %d, money before: %ld, after: %ld\n", TRANSFERS, before, after);
    printf("transfers refused for lack of money: %s\n", refused > 0 ? "some" : "none");
}

/* ---- Slow requests, held to half of the workers ---------------------------------------------- */

enum { WORKERS = 4, SLOW = 20, QUICK = 100 };

/* What the requests wait for is written under the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int slow_now, slow_most, slow_answered, quick_answered;

/* Takes as long as there are quick ones. If slow requests had all workers, that would be for ever. */
static void answer_slowly(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    slow_now++;
    if (slow_most < slow_now)
        slow_most = slow_now;
    pthread_cond_broadcast(&changed);
    while (quick_answered < QUICK)
        pthread_cond_wait(&changed, &mutex);
    slow_now--;
    slow_answered++;
    pthread_mutex_unlock(&mutex);
}

static void answer_quickly(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    quick_answered++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void answer_requests(antpool_t *pool)
{
    antpool_lane_t *slow = NULL;
    require(antpool_lane_new(pool, WORKERS / 2, &slow));
    for (int i = 0; i < SLOW; i++)
        require(antpool_lane_submit(slow, answer_slowly, NULL));
    pthread_mutex_lock(&mutex);
    while (slow_now < WORKERS / 2)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);

    for (int i = 0; i < QUICK; i++)
        require(antpool_submit(pool, answer_quickly, NULL));
    require(antpool_lane_wait(slow));
    require(antpool_lane_destroy(slow));
    require(antpool_wait(pool));
    printf("quick requests answered while all slow ones were under way: %d\n", quick_answered);
    printf("slow requests answered: %d, at a time: %d\n", slow_answered, slow_most);
}

int main(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity = ACCOUNTS; /* A place for each account's lane. */
    antpool_t *pool = NULL;
    require(antpool_new(WORKERS, &options, &pool));
    transfer_money(pool);
    answer_requests(pool);
    require(antpool_destroy(pool));
    return EXIT_SUCCESS;
}
