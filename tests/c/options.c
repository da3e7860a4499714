/* The options of a pool: their defaults, the sizes of the struct, and what is refused. */
#include "child.h"
#include "failures.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Makes a pool and ends it. On an error the out-parameter has to be as it was. */
static antpool_status_t try_new(int64_t capacity, const antpool_options_t *options)
{
    antpool_t *const untouched = (antpool_t *)(void *)&capacity;
    antpool_t *pool = untouched;
    antpool_status_t status = antpool_new(capacity, options, &pool);
    if (status == ANTPOOL_OK)
        CHECK_STATUS(antpool_destroy(pool), ANTPOOL_OK);
    else
        CHECK(pool == untouched);
    return status;
}

/* A pool of that capacity, with options that are changed first, is answered with the status. */
#define CHECK_NEW(capacity, change, status)              \
    do {                                                 \
        antpool_options_t o = spec_options();            \
        change;                                          \
        CHECK_STATUS(try_new((capacity), &o), (status)); \
    } while (0)

/* What fibers and, at least, threads can be given. */
enum { SMALLEST_STACK = 16 << 10 };

/* ---- Values --------------------------------------------------------------------------------- */

SPEC(each_option_is_checked)
{
    CHECK_NEW(4, o.expiry_ms = -1, ANTPOOL_ERR_INVALID_EXPIRY);
    CHECK_NEW(4, o.expiry_ms = INT64_MIN, ANTPOOL_ERR_INVALID_EXPIRY);
    CHECK_NEW(4, (o.expiry_ms = -1, o.disable_purge = true), ANTPOOL_OK);
    CHECK_NEW(4, (o.expiry_ms = INT64_MIN, o.disable_purge = true), ANTPOOL_OK);
    CHECK_NEW(4, o.expiry_ms = INT64_MAX, ANTPOOL_OK);
    CHECK_NEW(4, o.pre_alloc = true, ANTPOOL_OK);
    CHECK_NEW(ANTPOOL_UNLIMITED, o.pre_alloc = true, ANTPOOL_ERR_INVALID_PREALLOC);
    CHECK_NEW(4, (o.pre_alloc = true, o.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED),
              ANTPOOL_ERR_INVALID_PREALLOC);
    CHECK_NEW(4, o.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED, ANTPOOL_OK);
    CHECK_NEW(4, o.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED - 1, ANTPOOL_OK);
    CHECK_NEW(4, o.max_blocking_tasks = SIZE_MAX, ANTPOOL_OK);
    CHECK_NEW(4, o.min_workers = 4, ANTPOOL_OK);
    CHECK_NEW(4, o.min_workers = 5, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.min_workers = SIZE_MAX, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(ANTPOOL_UNLIMITED, o.min_workers = 4, ANTPOOL_OK);
    CHECK_NEW(ANTPOOL_UNLIMITED, o.min_workers = SIZE_MAX, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.stack_size = 1, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.stack_size = SIZE_MAX, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.stack_size = SIZE_MAX / 2, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.stack_size = 1 << 20, ANTPOOL_OK);
    CHECK_NEW(4, o.stack_size = (1 << 20) + 1, ANTPOOL_OK);
    CHECK_NEW(4, (o.carriers = SIZE_MAX, o.max_block_threads = SIZE_MAX), ANTPOOL_OK);
    CHECK_NEW(4, o.stack_size = SMALLEST_STACK - 1, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.stack_size = (size_t)1 << 40, ANTPOOL_OK);
    CHECK_NEW(4, o.stack_size = ((size_t)1 << 40) + 1, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, (o.carriers = 1, o.max_block_threads = 1), ANTPOOL_OK);
    CHECK_NEW(4, o.name = "", ANTPOOL_OK);
}

SPEC(capacities_are_checked)
{
    CHECK_STATUS(try_new(1, NULL), ANTPOOL_OK);
    CHECK_STATUS(try_new(ANTPOOL_CAPACITY_MAX, NULL), ANTPOOL_OK);
    CHECK_STATUS(try_new(ANTPOOL_UNLIMITED, NULL), ANTPOOL_OK);
    CHECK_STATUS(try_new(0, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(try_new(-2, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(try_new(INT64_MIN, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(try_new(ANTPOOL_CAPACITY_MAX + 1, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(try_new(INT64_MAX, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
}

SPEC(there_are_two_kinds_of_workers)
{
    CHECK_NEW(4, o.worker_kind = ANTPOOL_WORKER_THREAD, ANTPOOL_OK);
    CHECK_NEW(4, o.worker_kind = ANTPOOL_WORKER_FIBER, ANTPOOL_OK);
    CHECK_NEW(4, o.worker_kind = 2, ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(4, o.worker_kind = UINT32_MAX, ANTPOOL_ERR_INVALID_ARGUMENT);
}

SPEC(a_flag_is_0_or_1_and_nothing_else)
{
    const size_t flags[] = {
        offsetof(antpool_options_t, disable_purge), offsetof(antpool_options_t, pre_alloc),
        offsetof(antpool_options_t, nonblocking), offsetof(antpool_options_t, abort_on_panic)};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        for (int value = 0; value <= 255; value++)
            CHECK_NEW(4, ((unsigned char *)&o)[flags[i]] = (unsigned char)value,
                      value <= 1 ? ANTPOOL_OK : ANTPOOL_ERR_INVALID_ARGUMENT);
    }
}

SPEC(of_several_mistakes_function_expiry_and_pre_alloc_are_told_first)
{
    antpool_options_t options = spec_options();
    antpool_t *pool = NULL;
    options.expiry_ms = -1;
    CHECK_STATUS(antpool_new_with_func(0, NULL, &options, &pool), ANTPOOL_ERR_NO_FUNCTION);
    CHECK_STATUS(antpool_new_with_func(0, nothing, &options, &pool), ANTPOOL_ERR_INVALID_EXPIRY);
    CHECK(pool == NULL);
    CHECK_NEW(ANTPOOL_UNLIMITED, (o.expiry_ms = -1, o.pre_alloc = true),
              ANTPOOL_ERR_INVALID_EXPIRY);
    CHECK_NEW(0, (o.expiry_ms = -1, o.worker_kind = 2), ANTPOOL_ERR_INVALID_EXPIRY);
    CHECK_NEW(ANTPOOL_UNLIMITED, (o.pre_alloc = true, o.worker_kind = 2),
              ANTPOOL_ERR_INVALID_PREALLOC);
    CHECK_NEW(0, (o.pre_alloc = true, o.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED),
              ANTPOOL_ERR_INVALID_PREALLOC);
    CHECK_NEW(0, o.worker_kind = ANTPOOL_WORKER_FIBER, ANTPOOL_ERR_INVALID_ARGUMENT);
}

static void keep_line(void *line, antpool_log_level_t level, const char *message)
{
    CHECK_EQ(level, ANTPOOL_LOG_ERROR);
    snprintf((char *)line, 200, "%s", message);
}

/* A line to the logger names the field and its range. */
#define CHECK_NAMED(capacity, change, status, field, range)                                    \
    do {                                                                                       \
        char line[200] = "";                                                                   \
        CHECK_NEW((capacity), (o.logger = keep_line, o.logger_data = line, change), (status)); \
        CHECK(strstr(line, (field)) != NULL);                                                  \
        CHECK(strstr(line, (range)) != NULL);                                                  \
    } while (0)

SPEC(what_is_out_of_range_is_named_to_the_logger)
{
    const antpool_status_t invalid = ANTPOOL_ERR_INVALID_ARGUMENT;
    CHECK_NAMED(0, (void)0, invalid, "capacity", "ANTPOOL_CAPACITY_MAX");
    CHECK_NAMED(4, o.worker_kind = 9, invalid, "worker_kind", "ANTPOOL_WORKER_FIBER");
    CHECK_NAMED(4, o.min_workers = 5, invalid, "min_workers", "at most the capacity");
    CHECK_NAMED(4, o.stack_size = 1, invalid, "stack_size", "too small");
    CHECK_NAMED(4, o.stack_size = SIZE_MAX, invalid, "stack_size", "at most");
    CHECK_NAMED(4, ((unsigned char *)&o)[offsetof(antpool_options_t, nonblocking)] = 7, invalid,
                "nonblocking", "0 nor 1");
    CHECK_NAMED(4, o.expiry_ms = -1, ANTPOOL_ERR_INVALID_EXPIRY, "expiry_ms", "at least 0");
    CHECK_NAMED(ANTPOOL_UNLIMITED, o.pre_alloc = true, ANTPOOL_ERR_INVALID_PREALLOC, "pre_alloc",
                "limited");
}

SPEC_FIBERS(the_smallest_stack_of_a_fiber_has_16_kib)
{
    CHECK_NEW(4, o.stack_size = SMALLEST_STACK, ANTPOOL_OK);
}

/* Makes a pool with the options, and runs more tasks at a time than one carrier is needed for. */
static long threads_of_pool(const antpool_options_t *options)
{
    enum { TASKS = 8 };
    const long before = spec_threads();
    gate_t gate = GATE_INIT;
    antpool_t *pool = spec_pool(TASKS, options);
    spec_hold(pool, &gate, TASKS);
    const long threads = spec_threads() - before;
    gate_open(&gate);
    spec_destroy(pool);
    EVENTUALLY(spec_threads() == before);
    return threads;
}

SPEC(fibers_have_as_many_carriers_as_they_are_given_and_threads_have_none)
{
    spec_needs_true_fibers();
    spec_start_first_thread();
    antpool_options_t options = spec_options();
    for (options.carriers = 1; options.carriers <= 5; options.carriers++)
        CHECK_EQ(threads_of_pool(&options), spec_threads_for(8, &options));
    options.carriers = 0;
    const long by_default = threads_of_pool(&options);
    options.carriers = antpool_usable_cpus();
    CHECK_EQ(by_default, spec_threads_for(8, &options));
}

SPEC(pools_with_extreme_options_work)
{
    antpool_options_t options = spec_options();
    count_t done = COUNT_INIT;
    options.expiry_ms = INT64_MAX;
    options.queue_capacity = SIZE_MAX - 1;
    options.max_blocking_tasks = SIZE_MAX;
    antpool_t *pool = spec_pool(ANTPOOL_CAPACITY_MAX, &options);
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    CHECK_GE(antpool_available(pool), ANTPOOL_CAPACITY_MAX);
    spec_destroy(pool);
}

static void allocate_too_much_in_advance(void *arg)
{
    (void)arg;
    const struct rlimit little = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    CHECK_EQ(setrlimit(RLIMIT_AS, &little), 0);
    CHECK_NEW(4, (o.pre_alloc = true, o.queue_capacity = 1 << 28), ANTPOOL_ERR_NO_MEMORY);
    CHECK_NEW(4, (o.pre_alloc = true, o.queue_capacity = SIZE_MAX - 1), ANTPOOL_ERR_NO_MEMORY);
    CHECK_NEW(4, (o.pre_alloc = true, o.queue_capacity = 1000), ANTPOOL_OK);
}

SPEC(a_queue_that_no_memory_holds_in_advance_is_answered)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "such tools need the address space");
    spec_skip_if(spec_emulated(), "the emulator does not limit address space");
    CHECK_EXIT(child_wait(child_start(allocate_too_much_in_advance, NULL)), 0);
}

/* ---- The struct ----------------------------------------------------------------------------- */

typedef struct field_t {
    size_t offset;
    size_t size;
} field_t;

#define FIELD(name)                                                               \
    {                                                                             \
        offsetof(antpool_options_t, name), sizeof(((antpool_options_t *)0)->name) \
    }
static const field_t fields[] = {
    FIELD(struct_size),    FIELD(expiry_ms),      FIELD(disable_purge),   FIELD(pre_alloc),
    FIELD(nonblocking),    FIELD(abort_on_panic), FIELD(worker_kind),     FIELD(max_blocking_tasks),
    FIELD(queue_capacity), FIELD(min_workers),    FIELD(carriers),        FIELD(max_block_threads),
    FIELD(stack_size),     FIELD(name),           FIELD(panic_handler),   FIELD(panic_data),
    FIELD(logger),         FIELD(logger_data),    FIELD(on_worker_start), FIELD(on_worker_stop),
    FIELD(worker_data),    FIELD(cpus),           FIELD(cpu_count),       FIELD(nice_increment),
    FIELD(reserved)};
enum { FIELDS = sizeof fields / sizeof *fields };

static bool ends_with_a_field(size_t size)
{
    for (int i = 0; i < FIELDS; i++)
        if (size == fields[i].offset + fields[i].size)
            return true;
    return false;
}

/* ---- Where and how eagerly workers run ------------------------------------------------------ */

typedef struct where_t {
    cpu_set_t set;
    int nice;
    int cpus;
} where_t;

static void look_where(void *arg)
{
    where_t *where = (where_t *)arg;
    CHECK_EQ(sched_getaffinity(0, sizeof where->set, &where->set), 0);
    where->cpus = CPU_COUNT(&where->set);
    where->nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void look_blocking(void *arg)
{
    CHECK_STATUS(antpool_block(look_where, arg), ANTPOOL_OK);
}

/* The last of the CPUs that this process may use. */
static uint32_t last_cpu(void)
{
    cpu_set_t set;
    uint32_t last = 0;
    CHECK_EQ(sched_getaffinity(getpid(), sizeof set, &set), 0);
    for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            last = cpu;
    return last;
}

SPEC(workers_run_on_the_cpus_that_are_listed_and_on_no_others)
{
    uint32_t cpus[] = {last_cpu(), last_cpu()};
    antpool_options_t options = spec_options();
    options.cpus = cpus;
    options.cpu_count = 2;
    antpool_t *pool = spec_pool(2, &options);
    cpus[0] = cpus[1] = UINT32_MAX; /* it has a copy */
    for (int i = 0; i < 2; i++) {
        where_t where;
        run_task(pool, i == 0 ? look_where : look_blocking, &where);
        CHECK_EQ(where.cpus, 1);
        CHECK(CPU_ISSET(last_cpu(), &where.set));
    }
    spec_destroy(pool);
}

SPEC_FIBERS(there_are_no_more_carriers_than_cpus_that_are_listed)
{
    spec_needs_true_fibers();
    const uint32_t cpu = last_cpu();
    antpool_options_t options = spec_options();
    options.cpus = &cpu;
    options.cpu_count = 1;
    options.carriers = 0;
    spec_start_first_thread();
    const long threads = spec_threads();
    antpool_t *pool = spec_pool(8, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 8);
    count_wait(&gate.arrived, 8);
    CHECK_EQ(spec_threads(), threads + 1);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(a_cpu_that_the_process_may_not_use_is_refused)
{
    static uint32_t many[1 << 17];
    const uint32_t none = UINT32_MAX, beyond = CPU_SETSIZE,
                   listed[] = {last_cpu(), CPU_SETSIZE - 1};
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        many[i] = last_cpu();
    CHECK_NEW(1, (o.cpus = &none, o.cpu_count = 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = &beyond, o.cpu_count = 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = listed, o.cpu_count = 2), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = NULL, o.cpu_count = 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = many, o.cpu_count = 1 << 16), ANTPOOL_OK);
    CHECK_NEW(1, (o.cpus = many, o.cpu_count = (1 << 16) + 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = many, o.cpu_count = SIZE_MAX), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_NEW(1, (o.cpus = &none, o.cpu_count = 0), ANTPOOL_OK);
    CHECK_NEW(1, o.reserved = 1, ANTPOOL_ERR_INVALID_ARGUMENT);
}

static int own_nice(void)
{
    return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

SPEC(workers_are_nicer_by_the_increment_than_who_makes_the_pool)
{
    const int before = own_nice();
    const int32_t increments[] = {1, 3, 1000, INT32_MAX};
    for (size_t i = 0; i < sizeof increments / sizeof *increments; i++) {
        antpool_options_t options = spec_options();
        options.nice_increment = increments[i];
        antpool_t *pool = spec_pool(1, &options);
        where_t where;
        run_task(pool, look_where, &where);
        CHECK_EQ(where.nice,
                 before + increments[i] > 19 || increments[i] > 39 ? 19 : before + increments[i]);
        CHECK_EQ(own_nice(), before);
        spec_destroy(pool);
    }
}

SPEC_FIBERS(threads_of_antpool_block_are_as_nice_as_carriers)
{
    antpool_options_t options = spec_options();
    options.nice_increment = 2;
    antpool_t *pool = spec_pool(1, &options);
    where_t on_carrier, blocking;
    run_task(pool, look_where, &on_carrier);
    run_task(pool, look_blocking, &blocking);
    CHECK_EQ(on_carrier.nice, own_nice() + 2);
    CHECK_EQ(blocking.nice, on_carrier.nice);
    spec_destroy(pool);
}

SPEC(less_nice_is_granted_or_said_to_be_unsupported)
{
    const int before = own_nice();
    antpool_options_t options = spec_options();
    options.nice_increment = -2;
    antpool_t *pool = NULL;
    antpool_status_t status = antpool_new(1, &options, &pool);
    CHECK_EQ(own_nice(), before);
    if (status == ANTPOOL_OK) {
        where_t where;
        run_task(pool, look_where, &where);
        CHECK_EQ(where.nice, before - 2);
        spec_destroy(pool);
    } else {
        CHECK_STATUS(status, ANTPOOL_ERR_UNSUPPORTED);
        CHECK(pool == NULL);
    }
}

SPEC(who_may_not_be_less_nice_is_told_so)
{
    struct rlimit none = {0, 0};
    spec_skip_if(geteuid() != 0, "only root can become somebody who may not");
    CHECK_EQ(setrlimit(RLIMIT_NICE, &none), 0);
    CHECK_EQ(setresuid(65534, 65534, 65534), 0);
    CHECK_NEW(1, o.nice_increment = -1, ANTPOOL_ERR_UNSUPPORTED);
    CHECK_NEW(1, o.nice_increment = INT32_MIN, ANTPOOL_ERR_UNSUPPORTED);
    CHECK_NEW(1, o.nice_increment = 1, ANTPOOL_OK);
}

SPEC(the_struct_has_no_padding)
{
    size_t end = 0;
    for (int i = 0; i < FIELDS; i++) {
        CHECK_EQ(fields[i].offset, end);
        end += fields[i].size;
    }
    CHECK_EQ(end, sizeof(antpool_options_t));
    CHECK_EQ(sizeof(bool), 1);
}

SPEC(a_smaller_struct_is_read_if_it_ends_with_a_field)
{
    for (size_t size = 0; size <= sizeof(antpool_options_t); size++)
        CHECK_NEW(4, o.struct_size = size,
                  ends_with_a_field(size) ? ANTPOOL_OK : ANTPOOL_ERR_INVALID_ARGUMENT);
}

SPEC(what_is_beyond_a_smaller_struct_is_not_read)
{
    CHECK_NEW(4, (o.struct_size = offsetof(antpool_options_t, worker_kind), o.worker_kind = 2),
              ANTPOOL_OK);

    /* The same at the end of what can be read at all. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages =
        (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    CHECK_EQ(mprotect(pages + page, page, PROT_NONE), 0);
    for (int i = 0; i < FIELDS; i++) {
        antpool_options_t options = spec_options();
        options.struct_size = fields[i].offset + fields[i].size;
        if (options.struct_size % sizeof(void *) != 0)
            continue; /* It would not be aligned as a struct has to be. */
        void *last = pages + page - options.struct_size;
        memcpy(last, &options, options.struct_size);
        CHECK_STATUS(try_new(4, (antpool_options_t *)last), ANTPOOL_OK);
    }
    CHECK_EQ(munmap(pages, 2 * page), 0);
}

/* An options struct of a program that was compiled with a later version. */
typedef union later_t {
    antpool_options_t options;
    char bytes[sizeof(antpool_options_t) + 64];
} later_t;

SPEC(a_larger_struct_may_have_nothing_but_zeros_beyond)
{
    for (size_t size = sizeof(antpool_options_t) + 1; size <= sizeof(later_t); size++) {
        later_t later;
        memset(&later, 0, sizeof later);
        later.options = spec_options();
        later.options.struct_size = size;
        CHECK_STATUS(try_new(4, &later.options), ANTPOOL_OK);
        later.bytes[size - 1] = 1;
        CHECK_STATUS(try_new(4, &later.options), ANTPOOL_ERR_INVALID_ARGUMENT);
        later.bytes[size - 1] = 0;
        later.bytes[sizeof(antpool_options_t)] = 1;
        CHECK_STATUS(try_new(4, &later.options), ANTPOOL_ERR_INVALID_ARGUMENT);
    }
}

SPEC(the_initialiser_and_the_function_agree)
{
    const antpool_options_t initialised = ANTPOOL_OPTIONS_INIT;
    antpool_options_t options;
    memset(&options, 0x55, sizeof options);
    antpool_options_init(&options, sizeof options);
    CHECK(memcmp(&options, &initialised, sizeof options) == 0);
    CHECK_EQ(options.struct_size, sizeof options);
    CHECK_STATUS(try_new(1, &initialised), ANTPOOL_OK);
}

SPEC(options_init_writes_as_much_as_it_is_told)
{
    for (size_t size = sizeof(size_t); size <= sizeof(later_t); size += sizeof(size_t)) {
        later_t later;
        memset(&later, 0x55, sizeof later);
        antpool_options_init(&later.options, size);
        CHECK_EQ(later.options.struct_size, size);
        for (size_t at = sizeof(size_t); at < sizeof later; at++)
            CHECK_EQ(later.bytes[at], at < size ? 0 : 0x55);
    }
}

SPEC(options_init_of_nothing_does_nothing)
{
    antpool_options_t options;
    memset(&options, 0x55, sizeof options);
    antpool_options_t before = options;
    antpool_options_init(NULL, sizeof options);
    for (size_t size = 0; size < sizeof(size_t); size++)
        antpool_options_init(&options, size);
    CHECK(memcmp(&options, &before, sizeof options) == 0);
}

SPEC_MAIN()
