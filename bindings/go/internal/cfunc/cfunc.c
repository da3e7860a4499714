#include "cfunc.h"

#include <antpool.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct cfunc_counter_t {
    long value;
};

struct cfunc_gate_t {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    int arrived;
    bool open;
};

static void *must_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL)
        abort();
    return memory;
}

void cfunc_increment(void *counter)
{
    __atomic_fetch_add(&((cfunc_counter_t *)counter)->value, 1, __ATOMIC_SEQ_CST);
}

void cfunc_wait(void *pointer)
{
    cfunc_gate_t *gate = pointer;
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

void cfunc_fail(void *ignored)
{
    (void)ignored;
    antpool_task_fail("the disk is full");
}

void cfunc_nap(void *ignored)
{
    (void)ignored;
    antpool_sleep_ms(1);
}

void cfunc_nothing(void *ignored)
{
    (void)ignored;
}

cfunc_counter_t *cfunc_counter_new(void)
{
    return must_allocate(sizeof(cfunc_counter_t));
}

long cfunc_counter_value(cfunc_counter_t *counter)
{
    return __atomic_load_n(&counter->value, __ATOMIC_SEQ_CST);
}

void cfunc_counter_free(cfunc_counter_t *counter)
{
    free(counter);
}

cfunc_gate_t *cfunc_gate_new(void)
{
    cfunc_gate_t *gate = must_allocate(sizeof *gate);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->opened, NULL);
    return gate;
}

int cfunc_gate_arrived(cfunc_gate_t *gate)
{
    pthread_mutex_lock(&gate->mutex);
    int arrived = gate->arrived;
    pthread_mutex_unlock(&gate->mutex);
    return arrived;
}

void cfunc_gate_open(cfunc_gate_t *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

void cfunc_gate_free(cfunc_gate_t *gate)
{
    pthread_cond_destroy(&gate->opened);
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
}
