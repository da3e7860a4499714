/*
 * A system that refuses threads: a program that includes this file decides how many more its pools
 * get. To be included by one file of a program only, since it defines pthread_create().
 */
#ifndef ANTPOOL_SPEC_REFUSAL_H
#define ANTPOOL_SPEC_REFUSAL_H

#include "spec.h"
#include <dlfcn.h>
#include <errno.h>

enum { NO_LIMIT = -1 };

/* How many more threads the pools of this process get, and how often they have asked. */
static long grants = NO_LIMIT;
static long asked;

static inline void grant(long threads)
{
    __atomic_store_n(&grants, threads, __ATOMIC_SEQ_CST);
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
    if (!is_own && !take_grant())
        return EAGAIN;
    return create(thread, attributes, routine, arg);
}

#endif
