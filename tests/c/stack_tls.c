/* A program with much thread-local storage: it is not taken from the stack that was asked for. */
#include "spec.h"

#include "failures.h"

enum { KIB = 1024, STORAGE = 512 * KIB, STACK = 128 * KIB };

static __thread volatile char storage[STORAGE];

static void use_storage_and_stack(void *unused)
{
    volatile char used[STACK * 3 / 4];
    (void)unused;
    for (size_t i = 0; i < sizeof used; i += KIB)
        used[i] = 1;
    storage[STORAGE - 1] = used[0];
}

SPEC(stack_size_is_what_a_task_can_use)
{
    spec_skip_if(SPEC_SANITIZED, "a sanitizer takes stack for itself");
    antpool_options_t options = spec_options();
    options.stack_size = STACK;
    antpool_t *pool = spec_pool(2, &options);
    run_task(pool, use_storage_and_stack, NULL);
    spec_destroy(pool);
}

SPEC_MAIN()
