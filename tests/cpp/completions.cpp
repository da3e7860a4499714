// Completions: results with callbacks on the thread that dispatches them.
#include "tools.hpp"

#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <vector>

using antpool::delivery_order;

SPEC(a_result_is_delivered_with_what_the_work_returned)
{
    antpool::pool pool(2, how());
    antpool::completions results;
    std::string text;
    int plain = 0;
    results.submit(
        pool, [] { return std::string("forty-two"); },
        [&text](status how, std::optional<std::string> got) {
            CHECK_SAYS(how, status::ok);
            text = *got;
        });
    results.submit(
        pool, [] {}, [&plain](status how) { plain += how == status::ok; });
    while (results.wait() == status::ok)
        CHECK_GE(results.dispatch(1), 1);
    CHECK_TEXT(text.c_str(), "forty-two");
    CHECK_EQ(plain, 1);
    CHECK_SAYS(results.wait_for(0ms), status::closed);
}

SPEC(results_may_come_in_the_order_of_the_submits)
{
    antpool::pool pool(3, how());
    antpool::completions results(delivery_order::of_the_submits);
    std::vector<int> seen;
    for (int i = 0; i < 100; i++)
        results.submit(
            pool, [i] { return std::make_unique<int>(i); },
            [&seen](status, std::optional<std::unique_ptr<int>> got) { seen.push_back(**got); });
    while (results.wait() == status::ok)
        results.dispatch();
    CHECK_EQ(seen.size(), 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(seen[static_cast<std::size_t>(i)], i);
}

SPEC(the_descriptor_is_there_to_be_polled)
{
    antpool::pool pool(1, how());
    antpool::completions results;
    bool done = false;
    results.submit(
        pool, [] {}, [&done](status) { done = true; });
    struct pollfd entry = {results.fd(), POLLIN, 0};
    CHECK_EQ(poll(&entry, 1, -1), 1);
    CHECK_EQ(results.dispatch(), 1);
    CHECK(done);
    CHECK_EQ(poll(&entry, 1, 0), 0);
}

SPEC(what_a_full_pool_refuses_is_destroyed_and_not_delivered)
{
    antpool::pool pool(1, how());
    antpool::completions results;
    {
        Gate gate(pool, 1);
        const auto never = [](status) { CHECK(false); };
        CHECK(!results.try_submit(
            pool, [witness = Witness()] {}, never));
        CHECK(!results.submit_for(
            pool, 1ms, [witness = Witness()] {}, never));
        CHECK_EQ(Witness::alive.load(), 0);
        CHECK_SAYS(results.wait(), status::closed);
    }
}

SPEC(a_destructor_delivers_what_is_outstanding)
{
    antpool::pool pool(2, how());
    int delivered = 0;
    {
        antpool::completions first, second;
        for (int i = 0; i < 50; i++)
            first.submit(
                pool, [witness = Witness()] {},
                [&delivered, witness = Witness()](status) { delivered++; });
        second = std::move(first);
        CHECK(!first);
        CHECK_EQ(first.fd(), -1);
        CHECK_EQ(first.dispatch(), 0);
    }
    CHECK_EQ(delivered, 50);
    CHECK_EQ(Witness::alive.load(), 0);
}

#if defined(__cpp_exceptions)
SPEC(an_exception_of_the_work_is_a_failed_result)
{
    antpool::options options = how();
    std::atomic<int> told{0};
    options.panic_handler = [&told](const antpool::panic_info &) { ++told; };
    antpool::pool pool(1, options);
    antpool::completions results;
    results.submit(
        pool, []() -> int { throw std::runtime_error("on purpose"); },
        [](status how, std::optional<int> got) {
            CHECK_SAYS(how, status::task_failed);
            CHECK(!got);
        });
    CHECK_SAYS(results.wait(), status::ok);
    CHECK_EQ(results.dispatch(), 1);
    CHECK_EQ(told.load(), 1);
}

SPEC(an_exception_of_a_done_leaves_the_dispatch_and_the_rest_is_still_there)
{
    antpool::pool pool(1, how());
    antpool::completions results;
    int delivered = 0;
    results.submit(
        pool, [] {}, [](status) { throw std::runtime_error("on purpose"); });
    results.submit(
        pool, [] {}, [&delivered](status) { delivered++; });
    pool.wait();
    bool caught = false;
    try {
        results.dispatch();
    } catch (const std::runtime_error &error) {
        caught = error.what() == std::string("on purpose");
    }
    CHECK(caught);
    struct pollfd entry = {results.fd(), POLLIN, 0};
    CHECK_EQ(poll(&entry, 1, 0), 1);
    CHECK_EQ(results.dispatch(), 1);
    CHECK_EQ(delivered, 1);
    CHECK_EQ(poll(&entry, 1, 0), 0);
}
#endif

SPEC_MAIN()
