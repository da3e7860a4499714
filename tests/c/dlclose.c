/* The library, loaded and closed by a program that does not link it: its idle workers stay safe. */
#include "spec.h"

#include <dlfcn.h>

/* The few functions that the sentence needs, from a copy of the library. */
typedef struct library_t {
    void *handle;
    antpool_status_t (*make)(int64_t, const antpool_options_t *, antpool_t **);
    antpool_status_t (*submit)(antpool_t *, antpool_task_fn, void *);
    antpool_status_t (*wait)(antpool_t *);
} library_t;

static void *symbol(void *handle, const char *name)
{
    void *address = dlsym(handle, name);
    CHECK(address != NULL);
    return address;
}

/* This program is linked to the library, which therefore stays; so it loads a second copy. */
static library_t load_copy(const char *path)
{
    library_t library = {dlmopen(LM_ID_NEWLM, path, RTLD_NOW), NULL, NULL, NULL};
    CHECK(library.handle != NULL);
    *(void **)&library.make = symbol(library.handle, "antpool_new");
    *(void **)&library.submit = symbol(library.handle, "antpool_submit");
    *(void **)&library.wait = symbol(library.handle, "antpool_wait");
    return library;
}

/* The copy brings a C library of its own, whose threads this program's C library does not know of: its
 * locks would take the program for one with a single thread. */
static void add_one(void *sum)
{
    __atomic_add_fetch((long *)sum, 1, __ATOMIC_SEQ_CST);
}

SPEC(dlclose_with_idle_workers_is_safe)
{
    Dl_info shared, program;
    antpool_status_t (*make)(int64_t, const antpool_options_t *, antpool_t **) = antpool_new;
    CHECK(dladdr(*(void **)&make, &shared) != 0);
    CHECK(dladdr(&spec_name, &program) != 0);
    spec_skip_if(shared.dli_fbase == program.dli_fbase, "the library is linked statically");
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "such tools cannot follow a second copy");

    spec_start_first_thread();
    const long before = spec_threads();
    for (int i = 0; i < 3; i++) {
        library_t library = load_copy(shared.dli_fname);
        antpool_options_t options = spec_options();
        antpool_t *pool = NULL;
        long done = 0;
        options.expiry_ms = 20;
        CHECK_EQ(library.make(2, &options, &pool), ANTPOOL_OK);
        for (int task = 0; task < 10; task++)
            CHECK_EQ(library.submit(pool, add_one, &done), ANTPOOL_OK);
        CHECK_EQ(library.wait(pool), ANTPOOL_OK);
        CHECK_EQ(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 10);
        CHECK_EQ(dlclose(library.handle), 0);
        /* They wake up, expire and end in code that is there. */
        EVENTUALLY(spec_threads() == before);
    }
}

SPEC_MAIN()
