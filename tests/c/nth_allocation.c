/*
 * One, ten or a hundred allocations of the library are refused, from the N-th on, for N = 1, 2, … until a whole life of a
 * pool needs fewer than N: each call says ANTPOOL_OK or ANTPOOL_ERR_NO_MEMORY, what was refused has not happened, and
 * nothing is lost. So it is with the large ones alone, in the life of a pool with thousands of workers.
 *
 * The program answers for the memory that the library asks for. Each N has a process of its own.
 */
#include "child.h"
#include "tools.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>

/* ---- Memory --------------------------------------------------------------------------------- */

/* How many allocations are granted before the first is refused, counted down from there; and how many are refused then. */
static long granted = LONG_MAX, refused;
/* Smaller ones do not count, and are granted. */
static size_t smallest;
/* Where the library's code is. */
static uintptr_t code_begin, code_end;

static int find_code(struct dl_phdr_info *object, size_t size, void *inside)
{
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        const uintptr_t begin = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (uintptr_t)inside >= begin &&
            (uintptr_t)inside < begin + part->p_memsz) {
            code_begin = begin;
            code_end = begin + part->p_memsz;
            return 1;
        }
    }
    return 0;
}

#if !SPEC_SANITIZED
static bool is_refused(const void *caller, size_t size)
{
    if (size < smallest)
        return false;
    if ((uintptr_t)caller < code_begin || (uintptr_t)caller >= code_end)
        return false;
    const long left = __atomic_sub_fetch(&granted, 1, __ATOMIC_SEQ_CST);
    return left < 0 && left >= -refused;
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0), size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused(__builtin_return_address(0), count * size) ? NULL
                                                                 : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return is_refused(__builtin_return_address(0), size) ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (is_refused(__builtin_return_address(0), size))
        return ENOMEM;
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused(__builtin_return_address(0), size) ? NULL : __libc_memalign(alignment, size);
}
#endif

/* ---- A life --------------------------------------------------------------------------------- */

/* Calls until memory is granted. */
#define GRANTED(call)                                                                        \
    do {                                                                                     \
        antpool_status_t nth_status = (call);                                                \
        while (nth_status == ANTPOOL_ERR_NO_MEMORY)                                          \
            nth_status = (call);                                                             \
        if (nth_status != ANTPOOL_OK)                                                        \
            spec_fail(__FILE__, __LINE__, "%s: %s", #call, antpool_status_name(nth_status)); \
    } while (0)

static void sleep_and_block(void *ran)
{
    antpool_sleep_us(100);
    GRANTED(antpool_block(nothing, NULL));
    count_add((count_t *)ran, 1);
}

static void wait_for_descriptor(void *ran)
{
    int ends[2];
    uint32_t events = 0;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "", 1), 1);
    GRANTED(antpool_wait_fd(ends[0], ANTPOOL_READABLE, ANTPOOL_WAIT_FOREVER, &events));
    CHECK_EQ(events, ANTPOOL_READABLE);
    close(ends[0]);
    close(ends[1]);
    count_add((count_t *)ran, 1);
}

static void fail(void *ran)
{
    antpool_task_fail("as told");
    count_add((count_t *)ran, 1);
}

static void count_copy(void *copy)
{
    count_add(*(count_t **)copy, 1);
}

static void deliver(void *ran, antpool_status_t status)
{
    CHECK_STATUS(status, ANTPOOL_OK);
    count_add((count_t *)ran, 1);
}

static void add_indices(void *sum, size_t begin, size_t end, size_t slot)
{
    (void)slot;
    for (; begin < end; begin++)
        __atomic_add_fetch((size_t *)sum, begin, __ATOMIC_RELAXED);
}

static void live(void *unused)
{
    (void)unused;
    antpool_options_t options = spec_options();
    options.queue_capacity = 200;
    options.carriers = 2;
    options.name = "memory";
    antpool_t *pool = NULL;
    GRANTED(antpool_new(3, &options, &pool));
    count_t ran = COUNT_INIT, *copied = &ran;
    long expected = 0;
    for (int i = 0; i < 10; i++, expected++)
        GRANTED(antpool_submit(pool, count_task, &ran));
    GRANTED(antpool_submit_copy(pool, count_copy, &copied, sizeof copied));
    GRANTED(antpool_submit(pool, sleep_and_block, &ran));
    GRANTED(antpool_submit(pool, wait_for_descriptor, &ran));
    GRANTED(antpool_submit_timeout(pool, fail, &ran, 1000));
    expected += 4;

    antpool_task_t *task = NULL;
    GRANTED(antpool_task_submit(pool, count_task, &ran, &task));
    GRANTED(antpool_task_wait(task));
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    antpool_group_t *group = NULL;
    GRANTED(antpool_group_new(&group));
    GRANTED(antpool_group_submit(group, pool, count_task, &ran));
    GRANTED(antpool_group_wait(group));
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
    antpool_lane_t *lane = NULL;
    GRANTED(antpool_lane_new(pool, 1, &lane));
    GRANTED(antpool_lane_submit(lane, count_task, &ran));
    GRANTED(antpool_lane_submit(lane, count_task, &ran));
    GRANTED(antpool_lane_wait(lane));
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    antpool_completions_t *completions = NULL;
    GRANTED(antpool_completions_new(0, &completions));
    GRANTED(antpool_completions_submit(completions, pool, nothing, deliver, &ran));
    GRANTED(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER));
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
    expected += 5;
    size_t sum = 0;
    GRANTED(antpool_parallel_for(pool, 1000, 10, 0, add_indices, &sum));
    CHECK_EQ(sum, 1000 * 999 / 2);

    GRANTED(antpool_tune(pool, 6));
    GRANTED(antpool_tune(pool, 1));
    GRANTED(antpool_pause(pool));
    GRANTED(antpool_submit(pool, count_task, &ran));
    GRANTED(antpool_resume(pool));
    expected++;
    GRANTED(antpool_wait(pool));
    CHECK_EQ(count_get(&ran), expected);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    GRANTED(antpool_reboot(pool));
    GRANTED(antpool_submit(pool, count_task, &ran));
    GRANTED(antpool_wait(pool));
    CHECK_EQ(count_get(&ran), expected + 1);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.submitted, stats.completed);
    spec_destroy(pool);
}

static antpool_sem_t go = ANTPOOL_SEM_INIT(0);

/* Each has a worker of its own until all have one; then they sleep, and so do their workers when they end. */
static void nap(void *ran)
{
    CHECK_STATUS(antpool_sem_wait(&go), ANTPOOL_OK);
    antpool_sleep_ms(5);
    count_add((count_t *)ran, 1);
}

/* As many workers as it takes for each table to be large. */
static void live_with_many(void *unused)
{
    (void)unused;
    const long workers = spec_on_fibers() ? 12000 : 1100;
    antpool_options_t options = spec_options();
    options.carriers = 2;
    options.stack_size = 64 << 10;
    options.queue_capacity = (size_t)workers;
    antpool_t *pool = NULL;
    GRANTED(antpool_new(workers, &options, &pool));
    count_t ran = COUNT_INIT;
    for (long i = 0; i < 2 * workers; i++)
        GRANTED(antpool_submit(pool, nap, &ran));
    CHECK_EQ(antpool_running(pool), workers);
    CHECK_STATUS(antpool_sem_post(&go, (uint32_t)(2 * workers)), ANTPOOL_OK);
    GRANTED(antpool_wait(pool));
    CHECK_EQ(count_get(&ran), 2 * workers);
    spec_destroy(pool);

    options = spec_options();
    options.pre_alloc = true;
    options.stack_size = 64 << 10;
    GRANTED(antpool_new(spec_on_fibers() ? 2000 : 50000, &options, &pool));
    GRANTED(antpool_submit(pool, count_task, &ran));
    GRANTED(antpool_wait(pool));
    spec_destroy(pool);
}

static void (*life)(void *);

static void live_with_some_refused(void *first)
{
    granted = *(long *)first;
    life(NULL);
    _exit(granted < 0 ? 0 : 42); /* Fewer were made. */
}

/* Lives until one makes fewer allocations than are granted; in each more are granted, and this number is refused then. */
static void check_lives(void (*body)(void *), size_t size, long count, long least)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind() || spec_emulated(),
                 "the tool answers for memory");
    antpool_status_t (*const inside)(antpool_t *) = antpool_wait;
    CHECK_EQ(dl_iterate_phdr(find_code, *(void *const *)&inside), 1);
    char said[2048];
    life = body;
    smallest = size;
    refused = count;
    for (long first = 0;; first++) {
        const int status = child_run(live_with_some_refused, &first, said, sizeof said);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 42) {
            CHECK_GE(first, least); /* Else it was no life. */
            break;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            spec_fail(__FILE__, __LINE__, "after %ld allocations: status %#x: %s", first,
                      (unsigned)status, said);
    }
}

SPEC(any_one_allocation_may_be_refused)
{
    check_lives(live, 0, 1, 20);
}

SPEC(any_ten_allocations_in_a_row_may_be_refused)
{
    check_lives(live, 0, 10, 20);
}

SPEC(any_hundred_allocations_in_a_row_may_be_refused)
{
    check_lives(live, 0, 100, 20);
}

/* The reserve of the library has no part of this size. */
SPEC(any_three_large_allocations_in_a_row_may_be_refused)
{
    check_lives(live_with_many, 8193, 3, 5);
}

SPEC_MAIN()
