/*
 * A submit for which the system refuses memory: ANTPOOL_ERR_NO_MEMORY, and nothing is lost.
 *
 * The segments of a queue are aligned to lines of the cache, and this program answers for memory that is
 * aligned like that.
 */
#include "child.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/resource.h>

/* How many aligned allocations are still granted; below zero all are. */
static long granted = -1;

static void grant(long count)
{
    __atomic_store_n(&granted, count, __ATOMIC_SEQ_CST);
}

#if !SPEC_SANITIZED
static bool is_refused(void)
{
    long left = __atomic_load_n(&granted, __ATOMIC_SEQ_CST);
    while (left > 0 && !__atomic_compare_exchange_n(&granted, &left, left - 1, false,
                                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return left == 0;
}

typedef int (*posix_memalign_fn)(void **, size_t, size_t);
typedef void *(*aligned_alloc_fn)(size_t, size_t);

int posix_memalign(void **out, size_t alignment, size_t size)
{
    static posix_memalign_fn next;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "posix_memalign");
    return is_refused() ? ENOMEM : next(out, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static aligned_alloc_fn next;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "aligned_alloc");
    return is_refused() ? NULL : next(alignment, size);
}
#endif

static void needs_its_own_allocator(void)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool answers for memory");
    void *memory = NULL;
    grant(0);
    int refused = posix_memalign(&memory, 64, 64);
    grant(-1);
    CHECK_EQ(refused, ENOMEM);
}

static antpool_t *pool_with_a_queue(int64_t capacity)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    return spec_pool(capacity, &options);
}

/* Submits until memory is refused; says how many tasks were accepted before. */
static long fill(antpool_t *pool, count_t *ran)
{
    long accepted = 0;
    antpool_status_t status;
    while ((status = antpool_try_submit(pool, count_task, ran)) == ANTPOOL_OK)
        accepted++;
    CHECK_STATUS(status, ANTPOOL_ERR_NO_MEMORY);
    return accepted;
}

static antpool_stats_t stats_of(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    return stats;
}

SPEC(a_submit_without_memory_says_so_and_loses_nothing)
{
    needs_its_own_allocator();
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_t *pool = pool_with_a_queue(2);
    spec_hold(pool, &gate, 2);
    long accepted = 2;
    for (long more = 0; more < 4; more++) {
        grant(more);
        accepted += fill(pool, &ran);
        CHECK_EQ(stats_of(pool).submitted, accepted);
        CHECK_EQ(antpool_busy(pool), 2);
        CHECK_STATUS(antpool_submit_timeout(pool, count_task, &ran, 1), ANTPOOL_ERR_NO_MEMORY);
    }
    grant(-1);
    CHECK_GE(accepted, 2 + 3 * 50);
    CHECK_STATUS(antpool_submit(pool, count_task, &ran), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), accepted - 2 + 1);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    spec_destroy(pool);
}

SPEC(a_batch_without_memory_says_how_many_tasks_there_was_memory_for)
{
    needs_its_own_allocator();
    enum { TASKS = 1000 };
    void *args[TASKS];
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_t *pool = pool_with_a_queue(1);
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < TASKS; i++)
        args[i] = &ran;
    size_t accepted = 0;
    grant(2);
    CHECK_STATUS(antpool_submit_batch(pool, count_task, args, TASKS, &accepted),
                 ANTPOOL_ERR_NO_MEMORY);
    grant(-1);
    CHECK(accepted > 0 && accepted < TASKS);
    CHECK_EQ(stats_of(pool).submitted, 1 + accepted);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), (long)accepted);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    spec_destroy(pool);
}

SPEC(a_group_that_is_refused_memory_says_so_and_one_whose_tasks_are_has_none)
{
    needs_its_own_allocator();
    enum { TASKS = 1000 };
    void *args[TASKS];
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_group_t *group = NULL;
    grant(0);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_ERR_NO_MEMORY);
    grant(-1);
    CHECK(group == NULL);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    antpool_t *pool = pool_with_a_queue(1);
    spec_hold(pool, &gate, 1);
    grant(0);
    const long before = fill(pool, &ran);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_NO_MEMORY);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    for (int i = 0; i < TASKS; i++)
        args[i] = &ran;
    size_t accepted = 0;
    grant(2);
    CHECK_STATUS(antpool_group_submit_batch(group, pool, count_task, args, TASKS, &accepted),
                 ANTPOOL_ERR_NO_MEMORY);
    grant(-1);
    CHECK(accepted > 0 && accepted < TASKS);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), before + (long)accepted);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_first_priority_whose_queues_are_refused_memory_says_so_and_loses_nothing)
{
    needs_its_own_allocator();
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_t *pool = pool_with_a_queue(1);
    spec_hold(pool, &gate, 1);
    for (long more = 0; more < 2; more++) {
        grant(more);
        CHECK_STATUS(antpool_submit_with_priority(pool, count_task, &ran, ANTPOOL_PRIORITY_HIGH),
                     ANTPOOL_ERR_NO_MEMORY);
        CHECK_EQ(stats_of(pool).submitted, 1);
        CHECK_EQ(stats_of(pool).queued, 0);
    }
    grant(-1);
    CHECK_STATUS(antpool_submit_with_priority(pool, count_task, &ran, ANTPOOL_PRIORITY_HIGH),
                 ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    spec_destroy(pool);
}

SPEC(a_lane_whose_place_is_refused_memory_has_no_task_more)
{
    needs_its_own_allocator();
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_t *pool = pool_with_a_queue(1);
    antpool_lane_t *lane = NULL;
    CHECK_STATUS(antpool_lane_new(pool, SIZE_MAX, &lane), ANTPOOL_OK);
    spec_hold(pool, &gate, 1);
    grant(1);
    long accepted = 0;
    antpool_status_t status;
    while ((status = antpool_lane_submit(lane, count_task, &ran)) == ANTPOOL_OK)
        accepted++;
    CHECK_STATUS(status, ANTPOOL_ERR_NO_MEMORY);
    CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_NO_MEMORY);
    grant(-1);
    CHECK_GE(accepted, 50);
    CHECK_EQ(antpool_lane_queued(lane), accepted);
    CHECK_EQ(stats_of(pool).submitted, 1 + accepted);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), accepted + 1);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_pool_that_was_refused_memory_can_be_released_and_rebooted)
{
    needs_its_own_allocator();
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    antpool_t *pool = pool_with_a_queue(2);
    spec_hold(pool, &gate, 2);
    grant(0);
    long accepted = fill(pool, &ran);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(pool, count_task, &ran), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    grant(-1);
    CHECK_EQ(count_get(&ran), accepted);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, count_task, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), accepted + 1);
    spec_destroy(pool);
}

/* Address space for that many bytes more than the process has. */
static void limit_memory(size_t bytes)
{
    unsigned long pages = 0;
    FILE *figures = fopen("/proc/self/statm", "r");
    CHECK(figures != NULL && fscanf(figures, "%lu", &pages) == 1);
    fclose(figures);
    const rlim_t limit = pages * (unsigned long)sysconf(_SC_PAGESIZE) + bytes;
    const struct rlimit both = {limit, limit};
    CHECK_EQ(setrlimit(RLIMIT_AS, &both), 0);
}

static void allocate_in_advance(void *bytes)
{
    limit_memory(*(size_t *)bytes);
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    antpool_t *pool = NULL;
    const antpool_status_t status = antpool_new(20000, &options, &pool);
    if (status != ANTPOOL_OK)
        CHECK_STATUS(status, ANTPOOL_ERR_NO_MEMORY);
    _exit(status == ANTPOOL_OK ? 42 : 0);
}

SPEC(what_pre_alloc_finds_no_memory_for_is_refused)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind() || spec_emulated(),
                 "the tool needs address space");
    char said[1024];
    int refused = 0;
    for (size_t bytes = 1 << 20;; bytes += bytes / 8, refused++) {
        const int status = child_run(allocate_in_advance, &bytes, said, sizeof said);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 42)
            break;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            spec_fail(__FILE__, __LINE__, "with %zu bytes: status %#x: %s", bytes, (unsigned)status,
                      said);
    }
    CHECK_GE(refused, 5);
}

SPEC_MAIN()
