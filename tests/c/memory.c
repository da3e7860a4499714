/*
 * What the pool allocates: this program has a malloc() of its own, and the like, which count.
 */
#include "spec.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/resource.h>

static const char *const reason = "sanitizers and valgrind have allocators of their own";

#if !SPEC_SANITIZED
static long allocations;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void count_one(void)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_SEQ_CST);
}

void *malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_one();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    count_one();
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    count_one();
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

static long allocated(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_SEQ_CST);
}
#else
static long allocated(void)
{
    return 0;
}
#endif

static void skip_where_it_cannot_count(void)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), reason);
}

/* Tasks enough to pass every block of a queue more than once. */
enum { TASKS = 1000 };

/* Holds the worker and, if it is a fiber, its carrier: timers allocate for those who sleep. */
static void stay(void *may_go)
{
    CHECK_EQ(sem_wait((sem_t *)may_go), 0);
}

/* Submits behind a held worker, with and without a copy, and lets all of it run. */
static void submit_and_wait(antpool_t *pool, count_t *done)
{
    sem_t may_go;
    CHECK_EQ(sem_init(&may_go, 0, 0), 0);
    CHECK_STATUS(antpool_submit(pool, stay, &may_go), ANTPOOL_OK);
    for (int i = 0; i < TASKS; i++) {
        CHECK_STATUS(antpool_submit(pool, count_task, done), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit_copy(pool, nothing, &i, sizeof(i)), ANTPOOL_OK);
    }
    CHECK_EQ(sem_post(&may_go), 0);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(sem_destroy(&may_go), 0);
}

SPEC(a_pool_with_pre_alloc_allocates_nothing_for_its_tasks)
{
    skip_where_it_cannot_count();
    count_t done = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    options.queue_capacity = 2 * TASKS;
    options.disable_purge = true;
    antpool_t *pool = spec_pool(1, &options);
    submit_and_wait(pool, &done); /* The system allocates for the thread itself. */

    long before = allocated();
    submit_and_wait(pool, &done);
    CHECK_EQ(allocated() - before, 0);
    CHECK_EQ(count_get(&done), 2 * TASKS);
    spec_destroy(pool);
}

SPEC(a_task_costs_no_allocation_beyond_one_block_of_the_queue_for_31)
{
    skip_where_it_cannot_count();
    count_t done = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    options.disable_purge = true;
    antpool_t *pool = spec_pool(1, &options);
    submit_and_wait(pool, &done);

    long before = allocated();
    submit_and_wait(pool, &done);
    long blocks = allocated() - before;
    CHECK(blocks > 0); /* Else nothing was counted. */
    CHECK(blocks <= (2 * TASKS + 1) / 31 + 2);
    spec_destroy(pool);
}

SPEC(a_pre_allocation_that_no_memory_holds_is_refused)
{
    skip_where_it_cannot_count();
    spec_skip_if(spec_emulated(), "the emulator does not limit address space");
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    options.queue_capacity = 1;
    antpool_t *pool = NULL;
    struct rlimit limit = {(rlim_t)1 << 31, (rlim_t)1 << 31};
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    CHECK_STATUS(antpool_new(ANTPOOL_CAPACITY_MAX, &options, &pool), ANTPOOL_ERR_NO_MEMORY);
    CHECK(pool == NULL);
}

SPEC_MAIN()
