// Owning, moving, closing and ending a pool, and what a view of one can do.
#include "tools.hpp"

#include "../c/child.h"

#include <memory>
#include <thread>

static_assert(std::is_nothrow_move_constructible_v<antpool::pool>);
static_assert(std::is_nothrow_move_assignable_v<antpool::pool>);
static_assert(!std::is_copy_constructible_v<antpool::pool>);
static_assert(!std::is_copy_assignable_v<antpool::pool>);
static_assert(std::is_trivially_copyable_v<antpool::pool_view>);
static_assert(std::is_convertible_v<const antpool::pool &, antpool::pool_view>);
static_assert(!std::is_convertible_v<antpool::pool_view, antpool::pool>);
static_assert(!std::is_convertible_v<int, antpool::pool>);

SPEC(a_pool_that_is_moved_from_is_empty_and_the_other_works_on)
{
    std::atomic<int> calls{0};
    antpool::pool first(2, how());
    antpool_t *const handle = first.native_handle();
    antpool::pool second(std::move(first));
    CHECK(!first);
    CHECK(second.native_handle() == handle);
    CHECK_SAYS(first.submit(std::nothrow, [] {}), status::invalid_argument);
    second.submit([&calls] { ++calls; });
    second.wait();
    swap(first, second);
    CHECK(!second);
    first.submit([&calls] { ++calls; });
    first.wait();
    CHECK_EQ(calls, 2);
}

SPEC(move_assignment_ends_the_pool_that_is_replaced)
{
    std::atomic<int> calls{0};
    antpool::options queued = how();
    queued.queue_capacity = 10;
    antpool::pool pool(1, std::move(queued));
    for (int i = 0; i < 10; i++)
        pool.submit([&calls] { ++calls; });
    antpool::pool other(3, how());
    pool = std::move(other);
    CHECK_EQ(calls, 10);
    CHECK_EQ(pool.capacity(), 3);
    CHECK(!other);
}

SPEC(the_destructor_returns_when_everything_accepted_has_run_and_every_worker_has_left)
{
    std::atomic<int> calls{0}, left{0};
    {
        antpool::options options = how();
        options.queue_capacity = 100;
        options.on_worker_stop = [&left](antpool::pool_view, std::size_t) { ++left; };
        antpool::pool pool(2, std::move(options));
        for (int i = 0; i < 100; i++)
            pool.submit([&calls] { ++calls; });
    }
    CHECK_EQ(calls, 100);
    CHECK_GE(left, 1);
}

SPEC(tasks_may_use_the_object_until_it_is_closed)
{
    std::atomic<int> calls{0};
    antpool::options options = how();
    options.queue_capacity = 10;
    antpool::pool pool(1, std::move(options));
    for (int i = 0; i < 10; i++)
        pool.submit([&] { calls += pool.capacity() == 1; });
    CHECK_SAYS(pool.close(std::nothrow), status::ok);
    CHECK_EQ(calls, 10);
    CHECK(!pool);
    CHECK_SAYS(pool.close(std::nothrow), status::ok);
    CHECK_SAYS(pool.open(std::nothrow, 2, how()), status::ok);
    CHECK_EQ(pool.capacity(), 2);
}

SPEC(what_can_only_wait_for_itself_says_deadlock_and_does_nothing)
{
    antpool::pool pool(1, how());
    pool.submit([&pool] {
        CHECK_SAYS(pool.wait(std::nothrow), status::deadlock);
        CHECK_SAYS(pool.wait_for(std::nothrow, 1h), status::deadlock);
        CHECK_SAYS(pool.release_for(std::nothrow, 1h), status::deadlock);
        CHECK_SAYS(pool.close(std::nothrow), status::deadlock);
        CHECK(pool);
        CHECK(!pool.is_closed());
    });
    pool.wait();
    CHECK_EQ(pool.stats().panicked, 0);
}

SPEC(a_destructor_inside_an_own_task_terminates_the_process_with_a_word)
{
    char said[200];
    const auto owned_by_its_task = [](void *) {
        auto pool = std::make_unique<antpool::pool>(1, how());
        const antpool::pool_view view = *pool;
        view.submit([pool = std::move(pool)]() mutable { pool.reset(); });
        for (;;)
            spec_sleep_ms(1000);
    };
    CHECK_ABORTED(child_run(owned_by_its_task, nullptr, said, sizeof said));
    CHECK(strstr(said, "destructor") != nullptr);
    CHECK(strstr(said, antpool::status_message(status::deadlock)) != nullptr);
}

SPEC(a_released_pool_refuses_runs_what_it_has_and_can_be_rebooted)
{
    std::atomic<int> calls{0};
    antpool::options options = how();
    options.queue_capacity = 1;
    antpool::pool pool(1, std::move(options));
    {
        Gate gate(pool, 1);
        pool.submit([&calls] { ++calls; });
        pool.release();
        CHECK(pool.is_closed());
        CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::closed);
        CHECK(!pool.release_for(1ms));
        CHECK_SAYS(pool.release_for(std::nothrow, 0s), status::timed_out);
    }
    CHECK(pool.release_for(antpool::forever));
    CHECK_EQ(calls, 1);
    CHECK_EQ(pool.running(), 0);
    CHECK_SAYS(pool.release_for(std::nothrow, 1s), status::closed);
    CHECK(pool.release_for(1s));
    pool.reboot();
    CHECK(!pool.is_closed());
    pool.submit([&calls] { ++calls; });
    pool.wait();
    CHECK_EQ(calls, 2);
}

SPEC(a_wait_ends_with_the_last_task_or_in_time)
{
    antpool::pool pool(2, how());
    Gate gate(pool, 1);
    const uint64_t before = spec_now();
    CHECK(!pool.wait_for(20ms));
    CHECK_GE(spec_now() - before, 20 * MS);
    CHECK_SAYS(pool.wait_for(std::nothrow, 0s), status::timed_out);
    gate.open();
    pool.wait();
    CHECK(pool.wait_for(0s));
}

SPEC(getters_and_stats_say_what_the_pool_does)
{
    antpool::options options = how();
    options.queue_capacity = 3;
    antpool::pool pool(2, std::move(options));
    CHECK_EQ(pool.capacity(), 2);
    CHECK_EQ(pool.running(), 0);
    CHECK_EQ(pool.available(), 5);
    {
        Gate gate(pool, 2);
        CHECK_EQ(pool.running(), 2);
        CHECK_EQ(pool.busy(), 2);
        CHECK_EQ(pool.available(), 3);
        CHECK_EQ(pool.waiting(), 0);
        pool.tune(4);
        CHECK_EQ(pool.capacity(), 4);
        CHECK_EQ(pool.available(), 5);
    }
    const antpool_stats_t stats = pool.stats();
    CHECK_EQ(stats.capacity, 4);
    CHECK_EQ(stats.submitted, 2);
    CHECK_EQ(stats.completed, 2);
    CHECK_SAYS(pool.tune(std::nothrow, 0), status::invalid_argument);
    antpool::pool endless(antpool::unlimited, how());
    CHECK_EQ(endless.capacity(), antpool::unlimited);
    CHECK_EQ(endless.available(), antpool::unlimited);
    CHECK_SAYS(endless.tune(std::nothrow, 4), status::unsupported);
}

SPEC(a_view_is_the_pool_it_was_made_from)
{
    antpool::pool pool(1, how()), other(1, how());
    const antpool::pool_view view = pool;
    const antpool::pool_view same(pool.native_handle());
    CHECK(view == pool);
    CHECK(view == same);
    CHECK(view != other);
    CHECK(view);
    std::atomic<int> calls{0};
    view.submit([&calls] { ++calls; });
    pool.wait();
    CHECK_EQ(calls, 1);
}

SPEC(the_default_pool_is_one_and_its_view_owns_nothing)
{
    std::atomic<int> calls{0};
    {
        const antpool::pool_view pool = antpool::default_pool();
        pool.submit([&calls] { ++calls; });
        pool.wait();
    }
    CHECK(antpool::default_pool().native_handle() == antpool_default());
    CHECK(!antpool::default_pool().is_closed());
    antpool::default_pool().submit([&calls] { ++calls; });
    antpool::default_pool().wait();
    CHECK_EQ(calls, 2);
}

SPEC(a_detached_pool_works_on_until_its_new_owner_ends_it)
{
    std::atomic<int> handled{0};
    antpool::options options = how();
    options.panic_handler = [&handled, witness = Witness()](const antpool::panic_info &) {
        ++handled;
    };
    antpool::pool pool(1, std::move(options));
    {
        antpool::detached_pool detached = pool.detach();
        CHECK(!pool);
        CHECK_STATUS(antpool_submit(
                         detached.handle, [](void *) { antpool_task_fail("why"); }, nullptr),
                     ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(detached.handle), ANTPOOL_OK);
        CHECK_EQ(handled, 1);
        pool = antpool::pool(std::move(detached));
    }
    pool.submit([] { antpool_task_fail("why"); });
    pool.wait();
    CHECK_EQ(handled, 2);
    CHECK_EQ(Witness::alive, 1);
    pool.close();
    CHECK_EQ(Witness::alive, 0);
}

SPEC(a_handle_made_by_c_calls_can_be_taken_over)
{
    count_t count = COUNT_INIT;
    const antpool_options_t options = spec_options();
    antpool_t *handle = nullptr;
    CHECK_STATUS(antpool_new_with_func(1, count_task, &options, &handle), ANTPOOL_OK);
    antpool::pool pool({handle});
    CHECK_STATUS(antpool_invoke(pool.native_handle(), &count), ANTPOOL_OK);
    pool.close();
    CHECK_EQ(count_get(&count), 1);
}

SPEC_MAIN()
