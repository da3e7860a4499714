/*
 * A system that refuses workers: a program that includes this file decides how many more its pools
 * get. What is refused is a thread or, for fibers, the memory of a stack and, if the program says
 * so, their carriers. To be included by one file of a program only, since it defines
 * pthread_create() and mmap().
 */
#ifndef ANTPOOL_SPEC_REFUSAL_H
#define ANTPOOL_SPEC_REFUSAL_H

#include "spec.h"
#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

enum { NO_LIMIT = -1 };

/* A stack so large is mapped by itself. */
#define LARGE_STACK ((size_t)16 << 20)

/* How many more workers the pools of this process get, and how often they have asked. */
static long grants = NO_LIMIT;
static long asked;

/* Whether fibers are refused their carriers, and not their stacks. */
static bool refuse_carriers;

/* Options of a pool of which every worker needs a grant. */
static inline antpool_options_t refusal_options(void)
{
    antpool_options_t options = spec_options();
    options.stack_size = LARGE_STACK;
    return options;
}

static inline void grant(long workers)
{
    __atomic_store_n(&grants, workers, __ATOMIC_SEQ_CST);
}

static inline bool take_grant(void)
{
    __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
    long left = __atomic_load_n(&grants, __ATOMIC_SEQ_CST);
    while (left > 0)
        if (__atomic_compare_exchange_n(&grants, &left, left - 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return left == NO_LIMIT;
}

/* Threads of the sentences themselves are not refused: callers, and those that run this. */
static void *(*own_routine)(void *) = caller_body;

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* What the sanitizers put in the place of pthread_create(), where there is one. */
extern create_fn __interceptor_pthread_create __attribute__((weak));

/* This program's pthread_create() stands before that of the C library, for the pool as well. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                   void *arg)
{
    create_fn *create = __interceptor_pthread_create;
    if (create == NULL)
        *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    bool is_own = routine == caller_body || routine == own_routine;
    bool may_refuse = !is_own && (!spec_on_fibers() || refuse_carriers);
    if (may_refuse && !take_grant())
        return EAGAIN;
    return create(thread, attributes, routine, arg);
}

/* This program's mmap() as well. */
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    bool may_refuse = spec_on_fibers() && !refuse_carriers && length >= LARGE_STACK;
    if (may_refuse && (flags & MAP_STACK) != 0 && !take_grant()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

#endif
