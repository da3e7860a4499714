/* Channels between fibers, threads of pools and other threads, and the choice among several. */
#include "spec.h"

#include "child.h"

static antpool_chan_t *chan, *other;
static gate_t gate = GATE_INIT;
static count_t done = COUNT_INIT;
static long sum; /* atomic */

/* A pool of the sentence's kind with two carriers, and two channels. */
static antpool_t *pool_and_channels(int64_t workers, size_t capacity)
{
    antpool_options_t options = spec_options();
    options.carriers = 2;
    CHECK_STATUS(antpool_chan_new(capacity, &chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_new(capacity, &other), ANTPOOL_OK);
    return spec_pool(workers, &options);
}

static void end(antpool_t *pool)
{
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_destroy(other), ANTPOOL_OK);
    spec_destroy(pool);
}

static void *as_value(long number)
{
    return (void *)(intptr_t)number; /* it is never read through */
}

static long as_number(void *value)
{
    return (long)(intptr_t)value;
}

static long receive(antpool_chan_t *from)
{
    void *value = NULL;
    CHECK_STATUS(antpool_chan_recv(from, &value), ANTPOOL_OK);
    return as_number(value);
}

static void send_numbers(void *count)
{
    for (long i = 1; i <= *(long *)count; i++)
        CHECK_STATUS(antpool_chan_send(chan, as_value(i)), ANTPOOL_OK);
    count_add(&done, 1);
}

static void receive_all(void *arg)
{
    (void)arg;
    void *value = NULL;
    antpool_status_t status;
    while ((status = antpool_chan_recv(chan, &value)) == ANTPOOL_OK)
        __atomic_fetch_add(&sum, as_number(value), __ATOMIC_RELAXED);
    CHECK_STATUS(status, ANTPOOL_ERR_CLOSED);
    count_add(&done, 1);
}

static void *receive_all_on_a_thread(void *arg)
{
    receive_all(arg);
    return NULL;
}

static void *send_on_a_thread(void *arg)
{
    send_numbers(arg);
    return NULL;
}

SPEC(values_arrive_in_the_order_in_which_they_were_sent)
{
    const size_t capacities[] = {0, 1, 100};
    for (int i = 0; i < 3; i++) {
        antpool_t *pool = pool_and_channels(1, capacities[i]);
        long count = (long)spec_rounds(1000);
        CHECK_STATUS(antpool_submit(pool, send_numbers, &count), ANTPOOL_OK);
        for (long wanted = 1; wanted <= count; wanted++)
            CHECK_EQ(receive(chan), wanted);
        end(pool);
    }
}

SPEC(each_value_goes_to_one_receiver_whatever_it_runs_on)
{
    const size_t capacities[] = {0, 1, 100};
    for (int i = 0; i < 3; i++) {
        antpool_t *pool = pool_and_channels(8, capacities[i]);
        const long before = count_get(&done);
        long count = (long)spec_rounds(500);
        sum = 0;
        for (int task = 0; task < 4; task++) {
            CHECK_STATUS(antpool_submit(pool, send_numbers, &count), ANTPOOL_OK);
            CHECK_STATUS(antpool_submit(pool, receive_all, NULL), ANTPOOL_OK);
        }
        pthread_t receiver = spec_thread(receive_all_on_a_thread, NULL);
        pthread_t sender = spec_thread(send_on_a_thread, &count);
        spec_join(sender);
        count_wait(&done, before + 5);
        CHECK_STATUS(antpool_chan_close(chan), ANTPOOL_OK);
        spec_join(receiver);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(sum, 5 * count * (count + 1) / 2);
        end(pool);
    }
}

SPEC(a_channel_keeps_as_many_as_its_capacity)
{
    antpool_t *pool = pool_and_channels(1, 2);
    void *value = &gate;
    CHECK_STATUS(antpool_try_chan_recv(chan, &value), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_chan_recv_timeout(chan, &value, 0), ANTPOOL_ERR_TIMED_OUT);
    CHECK(value == &gate);
    CHECK_STATUS(antpool_try_chan_send(chan, as_value(1)), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_send_timeout(chan, as_value(2), 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_chan_send(chan, as_value(3)), ANTPOOL_ERR_OVERLOAD);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_chan_send_timeout(chan, as_value(3), 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    CHECK_EQ(receive(chan), 1);
    CHECK_STATUS(antpool_try_chan_send(chan, NULL), ANTPOOL_OK);
    CHECK_EQ(receive(chan), 2);
    CHECK_EQ(receive(chan), 0);
    CHECK_STATUS(antpool_try_chan_send(other, NULL), ANTPOOL_OK);
    end(pool); /* what is left is forgotten */
}

SPEC(a_send_without_room_for_it_waits_for_its_receiver)
{
    antpool_t *pool = pool_and_channels(1, 0);
    long count = 1;
    CHECK_STATUS(antpool_try_chan_send(chan, as_value(1)), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_submit(pool, send_numbers, &count), ANTPOOL_OK);
    void *value = NULL;
    EVENTUALLY(antpool_try_chan_recv(chan, &value) == ANTPOOL_OK);
    CHECK_EQ(as_number(value), 1);
    count_wait(&done, 1);
    end(pool);
}

static void receive_one(void *arg)
{
    (void)arg;
    count_add(&done, 1);
    CHECK_EQ(receive(chan), 1);
}

/* On the only carrier, so that the other fiber waits while this one runs. */
static void destroy_too_early(void *arg)
{
    (void)arg;
    count_wait(&done, 1);
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_ERR_BUSY);
    CHECK_STATUS(antpool_chan_send(chan, as_value(1)), ANTPOOL_OK);
}

SPEC_FIBERS(a_channel_is_not_destroyed_while_somebody_waits)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_chan_new(0, &chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, receive_one, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, destroy_too_early, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_OK);
    spec_destroy(pool);
}

static void send_until_closed(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_chan_send(chan, as_value(7)), ANTPOOL_ERR_CLOSED);
    count_add(&done, 1);
}

static void receive_until_closed(void *arg)
{
    void *value = arg;
    CHECK_STATUS(antpool_chan_recv(other, &value), ANTPOOL_ERR_CLOSED);
    CHECK(value == arg);
    count_add(&done, 1);
}

SPEC(a_close_ends_waits_and_leaves_what_was_sent)
{
    antpool_t *pool = pool_and_channels(4, 1);
    CHECK_STATUS(antpool_chan_send(chan, as_value(1)), ANTPOOL_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(antpool_submit(pool, send_until_closed, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, receive_until_closed, &gate), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_chan_close(chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_close(other), ANTPOOL_OK);
    count_wait(&done, 4);
    CHECK_STATUS(antpool_chan_close(chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_chan_send(chan, NULL), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(receive(chan), 1);
    void *value = NULL;
    CHECK_STATUS(antpool_chan_recv(chan, &value), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_try_chan_recv(chan, &value), ANTPOOL_ERR_CLOSED);
    end(pool);
}

static antpool_chan_case_t receives(antpool_chan_t *from)
{
    const antpool_chan_case_t made = {from, NULL, ANTPOOL_CHAN_RECV, 0};
    return made;
}

static antpool_chan_case_t sends(antpool_chan_t *to, long number)
{
    const antpool_chan_case_t made = {to, as_value(number), ANTPOOL_CHAN_SEND, 0};
    return made;
}

SPEC(a_select_does_the_first_that_can_be_done)
{
    antpool_t *pool = pool_and_channels(1, 1);
    size_t index = 9;
    antpool_chan_case_t cases[] = {receives(NULL), receives(chan), sends(other, 5), sends(chan, 6)};
    CHECK_STATUS(antpool_chan_select(cases, 2, 0, &index), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(index, 9);
    CHECK_STATUS(antpool_chan_select(cases, 4, 0, &index), ANTPOOL_OK);
    CHECK_EQ(index, 2);
    CHECK_STATUS(antpool_chan_select(cases, 4, 0, &index), ANTPOOL_OK);
    CHECK_EQ(index, 3);
    CHECK_STATUS(antpool_chan_select(cases, 4, 0, &index), ANTPOOL_OK);
    CHECK_EQ(index, 1);
    CHECK_EQ(as_number(cases[1].value), 6);
    CHECK_EQ(receive(other), 5);
    CHECK_STATUS(antpool_chan_close(other), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_select(cases, 3, 0, &index), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(index, 2);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_chan_select(cases, 2, 5, &index), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    end(pool);
}

/* Sends a number of values, each into whichever of the two takes it. */
static void select_to_send(void *count)
{
    for (long i = 1; i <= *(long *)count; i++) {
        size_t index = 9;
        antpool_chan_case_t cases[] = {sends(chan, i), sends(other, i)};
        CHECK_STATUS(antpool_chan_select(cases, 2, ANTPOOL_WAIT_FOREVER, &index), ANTPOOL_OK);
        CHECK(index < 2);
    }
    count_add(&done, 1);
}

static void select_to_receive(void *arg)
{
    (void)arg;
    antpool_chan_case_t cases[] = {receives(other), receives(chan)};
    for (;;) {
        size_t index = 9;
        const antpool_status_t status = antpool_chan_select(cases, 2, ANTPOOL_WAIT_FOREVER, &index);
        CHECK(index < 2);
        if (status == ANTPOOL_OK) {
            __atomic_fetch_add(&sum, as_number(cases[index].value), __ATOMIC_RELAXED);
        } else {
            CHECK_STATUS(status, ANTPOOL_ERR_CLOSED);
            cases[index].chan = NULL;
            if (cases[0].chan == NULL && cases[1].chan == NULL)
                break;
        }
    }
    count_add(&gate.passed, 1);
}

static void *select_to_receive_on_a_thread(void *arg)
{
    select_to_receive(arg);
    return NULL;
}

SPEC(selects_find_each_other_whatever_they_run_on)
{
    const size_t capacities[] = {0, 2};
    for (int i = 0; i < 2; i++) {
        antpool_t *pool = pool_and_channels(6, capacities[i]);
        const long before = count_get(&done);
        long count = (long)spec_rounds(500);
        sum = 0;
        for (int task = 0; task < 3; task++) {
            CHECK_STATUS(antpool_submit(pool, select_to_send, &count), ANTPOOL_OK);
            CHECK_STATUS(antpool_submit(pool, select_to_receive, NULL), ANTPOOL_OK);
        }
        pthread_t receiver = spec_thread(select_to_receive_on_a_thread, NULL);
        count_wait(&done, before + 3);
        CHECK_STATUS(antpool_chan_close(chan), ANTPOOL_OK);
        CHECK_STATUS(antpool_chan_close(other), ANTPOOL_OK);
        spec_join(receiver);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(sum, 3 * count * (count + 1) / 2);
        end(pool);
    }
}

SPEC(a_select_is_told_what_is_wrong_with_it)
{
    antpool_t *pool = pool_and_channels(1, 1);
    size_t index = 9;
    antpool_chan_case_t cases[ANTPOOL_CHAN_CASES_MAX + 1];
    for (size_t i = 0; i <= ANTPOOL_CHAN_CASES_MAX; i++)
        cases[i] = receives(i % 2 ? chan : other);
    CHECK_STATUS(antpool_chan_select(cases, ANTPOOL_CHAN_CASES_MAX, 0, &index),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_chan_select(cases, ANTPOOL_CHAN_CASES_MAX + 1, 0, &index),
                 ANTPOOL_ERR_INVALID_ARGUMENT);
    cases[1].operation = 2;
    CHECK_STATUS(antpool_chan_select(cases, 2, 0, &index), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(index, 9);
    end(pool);
}

static void use_in_child(void *arg)
{
    void *value = arg;
    size_t index = 9;
    antpool_chan_case_t receiving = receives(chan);
    CHECK_STATUS(antpool_chan_send(chan, arg), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_try_chan_recv(chan, &value), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_chan_select(&receiving, 1, 0, &index), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_chan_close(chan), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_OK);
}

SPEC(a_forked_child_is_told_that_the_channel_is_its_parents)
{
    antpool_t *pool = pool_and_channels(1, 1);
    CHECK_EXIT(child_wait(child_start(use_in_child, NULL)), 0);
    end(pool);
}

SPEC_MAIN()
