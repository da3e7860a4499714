// Groups of tasks.
#include "tools.hpp"

#include <memory>
#include <stdexcept>

SPEC(a_group_waits_for_its_callables)
{
    antpool::pool pool(2, how());
    antpool::group group;
    std::atomic<int> ran{0};
    for (int i = 0; i < 100; i++)
        group.submit(pool, [&ran] { ++ran; });
    CHECK_SAYS(group.wait(), status::ok);
    CHECK_EQ(ran.load(), 100);
    CHECK(group && group.native_handle() != nullptr);
}

SPEC(a_destructor_waits_for_what_is_unfinished)
{
    antpool::pool pool(2, how());
    std::atomic<int> ran{0};
    {
        antpool::group group;
        for (int i = 0; i < 100; i++)
            group.submit(pool, [&ran] { ++ran; });
    }
    CHECK_EQ(ran.load(), 100);
}

SPEC(a_canceled_group_destroys_each_callable_once)
{
    antpool::options queue = how();
    queue.queue_capacity = 64;
    {
        antpool::pool pool(1, queue);
        antpool::group group;
        std::atomic<int> ran{0};
        {
            Gate gate(pool, 1);
            for (int i = 0; i < 10; i++) {
                group.submit(pool, [&ran, witness = Witness()] { ++ran; });
                group.submit(pool, [&ran] { ++ran; });
            }
            CHECK_EQ(Witness::alive.load(), 10);
            CHECK_SAYS(group.cancel(), status::ok);
            CHECK_SAYS(group.submit(std::nothrow, pool, [&ran, witness = Witness()] { ++ran; }),
                       status::canceled);
            CHECK_EQ(Witness::alive.load(), 10);
        }
        CHECK_SAYS(group.wait(), status::ok);
        CHECK_EQ(ran.load(), 0);
        CHECK_EQ(Witness::alive.load(), 0);
        group.submit(pool, [&ran, witness = Witness()] { ++ran; });
        CHECK_SAYS(group.wait(), status::ok);
        CHECK_EQ(ran.load(), 1);
        CHECK_EQ(Witness::alive.load(), 0);
    }
}

SPEC(a_group_sees_room_and_limits_as_a_pool_does)
{
    antpool::pool pool(1, how());
    antpool::group group;
    {
        Gate gate(pool, 1);
        CHECK(!group.try_submit(pool, [] {}));
        CHECK(!group.submit_for(pool, 1ms, [] {}));
        CHECK_SAYS(group.wait_for(0ms), status::ok);
    }
    CHECK_SAYS(group.submit(std::nothrow, pool, [] {}), status::ok);
    CHECK_SAYS(group.wait_for(antpool::forever), status::ok);
}

SPEC(other_work_is_waited_for)
{
    antpool::group group;
    CHECK_SAYS(group.done(), status::invalid_argument);
    CHECK_SAYS(group.add(2), status::ok);
    CHECK_SAYS(group.done(), status::ok);
    CHECK_SAYS(group.wait_for(1ms), status::timed_out);
    CHECK_SAYS(group.done(), status::ok);
    CHECK_SAYS(group.wait(), status::ok);
}

SPEC(a_group_is_moved)
{
    antpool::pool pool(1, how());
    antpool::group first, second;
    first.submit(pool, [] {});
    second = std::move(first);
    CHECK(!first);
    CHECK_SAYS(first.wait(), status::invalid_argument);
    CHECK_SAYS(first.submit(std::nothrow, pool, [] {}), status::invalid_argument);
    CHECK_SAYS(second.wait(), status::ok);
}

#if defined(__cpp_exceptions)
SPEC(an_exception_makes_the_wait_say_so)
{
    std::atomic<int> told{0};
    antpool::options options = how();
    options.panic_handler = [&told](const antpool::panic_info &) { ++told; };
    antpool::pool pool(2, options);
    antpool::group group;
    group.submit(pool, [] { throw std::runtime_error("on purpose"); });
    CHECK_SAYS(group.wait(), status::task_failed);
    CHECK_EQ(told.load(), 1);
    CHECK_SAYS(group.wait(), status::ok);
    CHECK_SAYS(group.cancel(), status::ok);
    CHECK_THROWS(group.submit(pool, [] {}), status::canceled);
}
#endif

SPEC_MAIN()
