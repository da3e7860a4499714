// Lanes: serial queues, and shares of a pool.
#include "tools.hpp"

#include <functional>
#include <stdexcept>
#include <vector>

SPEC(callables_of_a_lane_run_one_after_the_other_in_order)
{
    antpool::pool pool(4, how());
    antpool::lane lane(pool);
    std::vector<int> seen; // Only the lane's tasks touch it.
    for (int i = 0; i < 1000; i++)
        lane.submit([&seen, i] { seen.push_back(i); });
    CHECK_SAYS(lane.wait(), status::ok);
    CHECK_EQ(seen.size(), 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(seen[static_cast<std::size_t>(i)], i);
    CHECK(lane && lane.native_handle() != nullptr);
}

SPEC(a_lane_of_several_runs_as_many_and_no_more)
{
    antpool::pool pool(4, how());
    antpool::lane lane(pool, 2);
    std::atomic<int> inside{0}, ran{0};
    for (int i = 0; i < 1000; i++)
        lane.submit([&] {
            CHECK(++inside <= 2);
            --inside;
            ++ran;
        });
    CHECK_SAYS(lane.wait_for(antpool::forever), status::ok);
    CHECK_EQ(ran.load(), 1000);
    CHECK_EQ(lane.running() + lane.queued(), 0);
}

SPEC(a_destructor_waits_for_what_is_unfinished)
{
    antpool::pool pool(2, how());
    std::atomic<int> ran{0};
    {
        antpool::lane lane(pool);
        for (int i = 0; i < 100; i++)
            lane.submit([&ran] { ++ran; });
    }
    CHECK_EQ(ran.load(), 100);
}

SPEC(a_canceled_lane_destroys_each_callable_once)
{
    antpool::options queue = how();
    queue.queue_capacity = 1;
    antpool::pool pool(1, queue);
    antpool::lane lane(pool);
    std::atomic<int> ran{0};
    {
        Gate gate(pool, 1);
        for (int i = 0; i < 10; i++) {
            lane.submit([&ran, witness = Witness()] { ++ran; });
            lane.submit([&ran] { ++ran; });
        }
        CHECK_EQ(lane.queued(), 20);
        CHECK_EQ(Witness::alive.load(), 10);
        CHECK_SAYS(lane.cancel(), status::ok);
        CHECK_SAYS(lane.submit(std::nothrow, [&ran, witness = Witness()] { ++ran; }),
                   status::canceled);
        CHECK_EQ(Witness::alive.load(), 10);
    }
    CHECK_SAYS(lane.wait(), status::ok);
    CHECK_EQ(ran.load(), 0);
    CHECK_EQ(Witness::alive.load(), 0);
    lane.submit([&ran, witness = Witness()] { ++ran; });
    CHECK_SAYS(lane.wait(), status::ok);
    CHECK_EQ(ran.load(), 1);
    CHECK_EQ(Witness::alive.load(), 0);
}

SPEC(a_lane_below_its_limit_sees_room_as_a_pool_does)
{
    antpool::pool pool(1, how());
    antpool::lane lane(pool);
    {
        Gate gate(pool, 1);
        CHECK(!lane.try_submit([] {}));
        CHECK(!lane.submit_for(1ms, [] {}));
        CHECK_SAYS(lane.wait_for(0ms), status::ok);
    }
    CHECK_SAYS(lane.submit(std::nothrow, [] {}), status::ok);
    CHECK_SAYS(lane.wait(), status::ok);
    CHECK_SAYS(lane.submit(std::nothrow, std::function<void()>()), status::invalid_argument);
}

SPEC(a_lane_is_moved)
{
    antpool::pool pool(1, how());
    antpool::lane first(pool), second(pool, 2);
    first.submit([] {});
    second = std::move(first);
    CHECK(!first);
    CHECK_SAYS(first.wait(), status::invalid_argument);
    CHECK_SAYS(first.submit(std::nothrow, [] {}), status::invalid_argument);
    CHECK_SAYS(second.wait(), status::ok);
}

#if defined(__cpp_exceptions)
SPEC(an_exception_makes_the_wait_say_so)
{
    std::atomic<int> told{0}, ran{0};
    antpool::options options = how();
    options.panic_handler = [&told](const antpool::panic_info &) { ++told; };
    antpool::pool pool(2, options);
    antpool::lane lane(pool);
    lane.submit([] { throw std::runtime_error("on purpose"); });
    lane.submit([&ran] { ++ran; });
    CHECK_SAYS(lane.wait(), status::task_failed);
    CHECK_EQ(told.load(), 1);
    CHECK_EQ(ran.load(), 1);
    CHECK_SAYS(lane.wait(), status::ok);
    CHECK_SAYS(lane.cancel(), status::ok);
    CHECK_THROWS(lane.submit([] {}), status::canceled);
    CHECK_THROWS(antpool::lane(pool, 0), status::invalid_argument);
}
#endif

SPEC_MAIN()
