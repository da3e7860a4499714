/* A program in C that loads a library in C++, with its runtime, when it has antpool already: a plugin of a
 * server, an extension of Python. */
#include "spec.h"

#include "failures.h"
#include <dlfcn.h>

typedef struct throws_t {
    const char *name;
    void (*wait)(void);
    int mistakes;
} throws_t;

/* A function of the library, which is loaded where nobody else sees it. */
static antpool_task_fn task_of(void *library, const char *name)
{
    antpool_task_fn task = NULL;
    CHECK(library != NULL);
    *(void **)&task = dlsym(library, name);
    CHECK(task != NULL);
    return task;
}

static void *load(void)
{
    spec_skip_if(SPEC_SANITIZED, "AddressSanitizer wants to know the runtime from the start");
    return dlopen(ANTPOOL_TEST_THROWS, RTLD_NOW | RTLD_LOCAL);
}

static void says(const char *name, const char *expected)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, nothing, NULL);
    antpool_task_fn task = task_of(load(), name);
    for (int i = 1; i <= 10; i++) {
        run_task(pool, task, NULL);
        CHECK_EQ(count_get(&failures.handled), i);
        CHECK_TEXT(failures.message, expected);
    }
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 10);
    CHECK_EQ(stats.lost, 0);
    CHECK_EQ(stats.spawned, 1);
    spec_destroy(pool);
}

SPEC(the_message_of_an_exception_of_a_library_that_was_loaded_later_arrives)
{
    says("throws_error", "from a library loaded later");
}

SPEC(so_does_that_of_one_that_is_a_std_exception_at_its_second_base)
{
    says("throws_second", "at the second base");
}

SPEC(so_does_that_of_one_that_was_kept_and_thrown_again)
{
    says("throws_kept", "kept for later");
}

SPEC(what_is_no_std_exception_is_said_to_be_none)
{
    says("throws_number", "a C++ exception that is not a std::exception");
}

static void wait_a_little(void)
{
    antpool_sleep_us(100);
}

SPEC(tasks_that_wait_in_a_handler_of_such_a_library_keep_their_exceptions)
{
    enum { TASKS = 8 };
    throws_t tasks[TASKS];
    const char *names[TASKS] = {"A", "B", "C", "D", "E", "F", "G", "H"};
    antpool_options_t options = spec_options();
    options.carriers = 2;
    antpool_t *pool = spec_pool(TASKS, &options);
    run_task(pool, nothing, NULL);
    antpool_task_fn task = task_of(load(), "throws_and_waits");
    for (int i = 0; i < TASKS; i++) {
        throws_t one = {names[i], wait_a_little, 0};
        tasks[i] = one;
        CHECK_STATUS(antpool_submit(pool, task, &tasks[i]), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(tasks[i].mistakes, 0);
    CHECK_EQ(stats_of(pool).panicked, 0);
    spec_destroy(pool);
}

SPEC_MAIN()
