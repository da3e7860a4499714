/* Mutexes, conditions and semaphores for fibers, threads of pools and other threads. */
#include "spec.h"

#include "child.h"

static antpool_mutex_t mutex = ANTPOOL_MUTEX_INIT;
static antpool_cond_t changed = ANTPOOL_COND_INIT;
static antpool_sem_t sem = ANTPOOL_SEM_INIT(0);
static long number; /* behind the mutex */
static gate_t gate = GATE_INIT;
static count_t done = COUNT_INIT;

static void lock(void)
{
    CHECK_STATUS(antpool_mutex_lock(&mutex), ANTPOOL_OK);
}

static void unlock(void)
{
    CHECK_STATUS(antpool_mutex_unlock(&mutex), ANTPOOL_OK);
}

/* A pool of the sentence's kind with two carriers. */
static antpool_t *two_carriers(int64_t capacity)
{
    antpool_options_t options = spec_options();
    options.carriers = 2;
    return spec_pool(capacity, &options);
}

/* Suspends itself, or waits, with the mutex locked. */
static void add_slowly(void *rounds)
{
    for (size_t i = 0; i < *(size_t *)rounds; i++) {
        lock();
        const long before = number;
        antpool_yield();
        number = before + 1;
        unlock();
    }
    count_add(&done, 1);
}

static void *add_slowly_on_a_thread(void *rounds)
{
    add_slowly(rounds);
    return NULL;
}

SPEC(fibers_workers_and_other_threads_take_turns)
{
    antpool_t *pool = two_carriers(8);
    size_t rounds = spec_rounds(500);
    pthread_t threads[2];
    for (int i = 0; i < 8; i++)
        CHECK_STATUS(antpool_submit(pool, add_slowly, &rounds), ANTPOOL_OK);
    for (int i = 0; i < 2; i++)
        threads[i] = spec_thread(add_slowly_on_a_thread, &rounds);
    for (int i = 0; i < 2; i++)
        spec_join(threads[i]);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    lock();
    CHECK_EQ(number, 10 * (long)rounds);
    unlock();
    spec_destroy(pool);
}

static void lock_then_count(void *arg)
{
    (void)arg;
    lock();
    count_add(&done, 1);
    unlock();
}

SPEC(a_fiber_that_waits_suspends_only_itself)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(3, &options);
    lock();
    CHECK_STATUS(antpool_submit(pool, lock_then_count, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, lock_then_count, NULL), ANTPOOL_OK);
    spec_hold(pool, &gate, 1); /* runs on the same carrier */
    gate_open(&gate);
    count_wait(&gate.passed, 1);
    CHECK_EQ(count_get(&done), 0);
    unlock();
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 2);
    spec_destroy(pool);
}

static void own_and_others(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_mutex_unlock(&mutex), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_mutex_trylock(&mutex), ANTPOOL_ERR_BUSY);
    CHECK_STATUS(antpool_mutex_lock_timeout(&mutex, 0), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_mutex_lock_timeout(&mutex, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    CHECK_STATUS(antpool_cond_wait(&changed, &mutex), ANTPOOL_ERR_INVALID_ARGUMENT);
}

SPEC(only_the_owner_unlocks_and_it_locks_once)
{
    antpool_t *pool = two_carriers(1);
    CHECK_STATUS(antpool_mutex_unlock(&mutex), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_mutex_trylock(&mutex), ANTPOOL_OK);
    CHECK_STATUS(antpool_mutex_lock(&mutex), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_mutex_trylock(&mutex), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_mutex_lock_timeout(&mutex, 1), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_submit(pool, own_and_others, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    unlock();
    CHECK_STATUS(antpool_mutex_lock_timeout(&mutex, 0), ANTPOOL_OK);
    unlock();
    spec_destroy(pool);
}

static void hold_and_yield(void *arg)
{
    (void)arg;
    lock();
    count_add(&done, 1);
    EVENTUALLY(count_get(&gate.arrived) == 1);
    unlock();
}

static void other_on_the_carrier(void *arg)
{
    (void)arg;
    count_wait(&done, 1);
    CHECK_STATUS(antpool_mutex_unlock(&mutex), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_mutex_trylock(&mutex), ANTPOOL_ERR_BUSY);
    count_add(&gate.arrived, 1);
}

SPEC(a_fiber_is_an_owner_of_its_own)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_submit(pool, hold_and_yield, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, other_on_the_carrier, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

/* A mutex that whoever has it last frees. */
typedef struct shared_t {
    antpool_mutex_t mutex;
    int users;
} shared_t;

static void use_and_free(void *arg)
{
    shared_t *shared = (shared_t *)arg;
    /* A wait that ends by its limit leaves a mark for the unlocks of others. */
    if (antpool_mutex_lock_timeout(&shared->mutex, 0) == ANTPOOL_OK)
        CHECK_STATUS(antpool_mutex_unlock(&shared->mutex), ANTPOOL_OK);
    CHECK_STATUS(antpool_mutex_lock(&shared->mutex), ANTPOOL_OK);
    const bool last = --shared->users == 0;
    CHECK_STATUS(antpool_mutex_unlock(&shared->mutex), ANTPOOL_OK);
    if (last) {
        memset(shared, 0xff, sizeof *shared);
        free(shared);
    }
}

SPEC(a_mutex_is_freed_by_whoever_has_it_last)
{
    antpool_t *pool = two_carriers(3);
    const size_t rounds = spec_rounds(2000);
    for (size_t round = 0; round < rounds; round++) {
        shared_t *shared = (shared_t *)calloc(1, sizeof *shared);
        CHECK(shared != NULL);
        shared->users = 3;
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(antpool_submit(pool, use_and_free, shared), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void wait_for_a_number(void *arg)
{
    const long wanted = *(const long *)arg;
    lock();
    while (number < wanted)
        CHECK_STATUS(antpool_cond_wait(&changed, &mutex), ANTPOOL_OK);
    CHECK_STATUS(antpool_mutex_trylock(&mutex), ANTPOOL_ERR_DEADLOCK);
    unlock();
    count_add(&done, 1);
}

static void *wait_on_a_thread(void *arg)
{
    wait_for_a_number(arg);
    return NULL;
}

SPEC(a_broadcast_ends_every_wait)
{
    antpool_t *pool = two_carriers(8);
    long wanted = 1;
    for (int i = 0; i < 8; i++)
        CHECK_STATUS(antpool_submit(pool, wait_for_a_number, &wanted), ANTPOOL_OK);
    pthread_t thread = spec_thread(wait_on_a_thread, &wanted);
    lock();
    number = 1;
    CHECK_STATUS(antpool_cond_broadcast(&changed), ANTPOOL_OK);
    unlock();
    spec_join(thread);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 9);
    spec_destroy(pool);
}

static void wait_once(void *arg)
{
    (void)arg;
    lock();
    number++;
    CHECK_STATUS(antpool_cond_wait(&changed, &mutex), ANTPOOL_OK);
    unlock();
    count_add(&done, 1);
}

SPEC(a_signal_ends_one_wait)
{
    antpool_t *pool = two_carriers(2);
    CHECK_STATUS(antpool_submit(pool, wait_once, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, wait_once, NULL), ANTPOOL_OK);
    for (long waiting = 0; waiting < 2;) { /* with the mutex, both wait */
        lock();
        waiting = number;
        unlock();
        spec_nap();
    }
    for (long ended = 1; ended <= 2; ended++) {
        CHECK_STATUS(antpool_cond_signal(&changed), ANTPOOL_OK);
        count_wait(&done, ended);
        CHECK_EQ(count_get(&done), ended);
    }
    CHECK_STATUS(antpool_cond_signal(&changed), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void wait_in_vain(void *arg)
{
    (void)arg;
    lock();
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_cond_wait_timeout(&changed, &mutex, 0), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_cond_wait_timeout(&changed, &mutex, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    unlock();
    CHECK_STATUS(antpool_sem_trywait(&sem), ANTPOOL_ERR_BUSY);
    CHECK_STATUS(antpool_sem_wait_timeout(&sem, 0), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_sem_wait_timeout(&sem, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 10 * MS);
}

SPEC(a_wait_with_a_limit_ends_with_it_and_takes_nothing)
{
    antpool_t *pool = two_carriers(1);
    wait_in_vain(NULL);
    CHECK_STATUS(antpool_submit(pool, wait_in_vain, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_cond_signal(&changed), ANTPOOL_OK);
    CHECK_STATUS(antpool_sem_post(&sem, 1), ANTPOOL_OK);
    CHECK_STATUS(antpool_sem_trywait(&sem), ANTPOOL_OK);
    spec_destroy(pool);
}

static void take_one(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_sem_wait(&sem), ANTPOOL_OK);
    count_add(&done, 1);
}

static void *take_on_a_thread(void *arg)
{
    take_one(arg);
    return NULL;
}

SPEC(each_unit_of_a_semaphore_ends_one_wait)
{
    antpool_t *pool = two_carriers(7);
    for (int i = 0; i < 7; i++)
        CHECK_STATUS(antpool_submit(pool, take_one, NULL), ANTPOOL_OK);
    pthread_t thread = spec_thread(take_on_a_thread, NULL);
    CHECK_STATUS(antpool_sem_post(&sem, 3), ANTPOOL_OK);
    count_wait(&done, 3);
    CHECK_EQ(count_get(&done), 3);
    CHECK_STATUS(antpool_sem_post(&sem, 6), ANTPOOL_OK);
    spec_join(thread);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_sem_trywait(&sem), ANTPOOL_OK);
    CHECK_STATUS(antpool_sem_trywait(&sem), ANTPOOL_ERR_BUSY);
    spec_destroy(pool);
}

SPEC(a_semaphore_counts_up_to_its_limit)
{
    antpool_sem_t full = ANTPOOL_SEM_INIT(ANTPOOL_SEM_MAX - 1);
    CHECK_STATUS(antpool_sem_post(&full, 0), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_sem_post(&full, 2), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_sem_post(&full, SIZE_MAX), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_sem_post(&full, 1), ANTPOOL_OK);
    CHECK_STATUS(antpool_sem_post(&full, 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_sem_trywait(&full), ANTPOOL_OK);
}

static antpool_sem_t there = ANTPOOL_SEM_INIT(0), back = ANTPOOL_SEM_INIT(0);

static void answer(void *arg)
{
    const size_t rounds = *(size_t *)arg;
    for (size_t i = 0; i < rounds; i++) {
        CHECK_STATUS(antpool_sem_wait(&there), ANTPOOL_OK);
        number++;
        CHECK_STATUS(antpool_sem_post(&back, 1), ANTPOOL_OK);
    }
}

SPEC(what_is_written_before_a_post_is_seen_after_the_wait)
{
    antpool_t *pool = two_carriers(1);
    size_t rounds = spec_rounds(2000);
    CHECK_STATUS(antpool_submit(pool, answer, &rounds), ANTPOOL_OK);
    for (size_t i = 0; i < rounds; i++) {
        CHECK_EQ(number, (long)i);
        CHECK_STATUS(antpool_sem_post(&there, 1), ANTPOOL_OK);
        CHECK_STATUS(antpool_sem_wait(&back), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

/* In a child: what nobody has waited for works, what was waited for says so. */
static void use_in_child(void *arg)
{
    (void)arg;
    antpool_mutex_t fresh = ANTPOOL_MUTEX_INIT;
    CHECK_STATUS(antpool_mutex_lock(&fresh), ANTPOOL_OK);
    CHECK_STATUS(antpool_mutex_unlock(&fresh), ANTPOOL_OK);
    CHECK_STATUS(antpool_mutex_unlock(&mutex), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_sem_post(&sem, 1), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_sem_wait(&sem), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_sem_wait_timeout(&sem, 1), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_cond_wait(&changed, &mutex), ANTPOOL_ERR_FORKED);
}

static void *lock_on_a_thread(void *arg)
{
    lock_then_count(arg);
    return NULL;
}

SPEC(a_forked_child_is_told_of_what_others_waited_for)
{
    antpool_t *pool = two_carriers(1);
    lock();
    pthread_t locks = spec_thread(lock_on_a_thread, NULL);
    pthread_t takes = spec_thread(take_on_a_thread, NULL);
    /* Whoever is listed leaves its mark in the first word. */
    EVENTUALLY(__atomic_load_n(&mutex._private[0], __ATOMIC_RELAXED) & 1);
    EVENTUALLY(__atomic_load_n(&sem._private[0], __ATOMIC_RELAXED) & 1);
    CHECK_EXIT(child_wait(child_start(use_in_child, NULL)), 0);
    unlock();
    CHECK_STATUS(antpool_sem_post(&sem, 1), ANTPOOL_OK);
    spec_join(locks);
    spec_join(takes);
    spec_destroy(pool);
}

SPEC_MAIN()
