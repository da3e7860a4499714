// Statuses as error codes, and how a call says that it failed.
#include "tools.hpp"

#include "../c/child.h"

#include <string>
#include <system_error>

static_assert(std::is_error_code_enum_v<status>);

SPEC(every_status_of_the_library_is_an_error_code_with_its_message)
{
    int value = 0;
    for (; strcmp(antpool_status_name(value), "ANTPOOL_ERR_UNKNOWN") != 0; value++) {
        const std::error_code code = static_cast<status>(value);
        CHECK_EQ(code.value(), value);
        CHECK(code.category() == antpool::error_category());
        CHECK_TEXT(code.message().c_str(), antpool_status_message(value));
        CHECK_TEXT(antpool::status_message(static_cast<status>(value)),
                   antpool_status_message(value));
        CHECK_TEXT(antpool::status_name(static_cast<status>(value)), antpool_status_name(value));
    }
    // The last one that the enumeration has: a new status has to be added there.
    CHECK_EQ(value - 1, static_cast<int>(status::busy));
    CHECK_TEXT(antpool::error_category().name(), "antpool");
}

SPEC(only_ok_is_no_error)
{
    CHECK(!std::error_code(status::ok));
    CHECK(std::error_code(status::closed));
    CHECK(std::error_code(status::closed) == status::closed);
    CHECK(std::error_code(status::closed) != status::overload);
}

SPEC(statuses_compare_with_the_conditions_of_the_standard)
{
    const std::pair<status, std::errc> same[] = {
        {status::invalid_argument, std::errc::invalid_argument},
        {status::overload, std::errc::resource_unavailable_try_again},
        {status::spawn, std::errc::resource_unavailable_try_again},
        {status::timed_out, std::errc::timed_out},
        {status::no_memory, std::errc::not_enough_memory},
        {status::deadlock, std::errc::resource_deadlock_would_occur},
        {status::canceled, std::errc::operation_canceled},
        {status::unsupported, std::errc::not_supported},
        {status::busy, std::errc::device_or_resource_busy},
    };
    for (const auto &[value, condition] : same)
        CHECK(std::error_code(value) == condition);
    CHECK(std::error_code(status::closed) != std::errc::timed_out);
    CHECK(std::error_code(status::closed).default_error_condition().category() ==
          antpool::error_category());
}

SPEC(a_call_on_an_empty_handle_is_an_invalid_argument)
{
    const antpool::pool_view none;
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK(!none);
    CHECK_SAYS(none.submit(std::nothrow, [] {}), status::invalid_argument);
    CHECK_SAYS(none.try_submit(std::nothrow, [] {}), status::invalid_argument);
    CHECK_SAYS(none.submit_for(std::nothrow, 1s, [] {}), status::invalid_argument);
    CHECK_SAYS(none.wait(std::nothrow), status::invalid_argument);
    CHECK_SAYS(none.wait_for(std::nothrow, 1s), status::invalid_argument);
    CHECK_SAYS(none.tune(std::nothrow, 1), status::invalid_argument);
    CHECK_SAYS(none.release(std::nothrow), status::invalid_argument);
    CHECK_SAYS(none.release_for(std::nothrow, 1s), status::invalid_argument);
    CHECK_SAYS(none.reboot(std::nothrow), status::invalid_argument);
    CHECK_SAYS(none.stats(std::nothrow, stats), status::invalid_argument);
    CHECK_EQ(none.capacity() + none.running() + none.busy() + none.available() + none.waiting(), 0);
    CHECK(none.is_closed());
    CHECK(none.native_handle() == nullptr);
}

SPEC(each_mistake_in_making_a_pool_has_its_status)
{
    antpool::pool pool;
    CHECK_SAYS(pool.open(std::nothrow, 0, how()), status::invalid_argument);
    antpool::options wrong = how();
    wrong.expiry = -1ms;
    CHECK_SAYS(pool.open(std::nothrow, 1, wrong), status::invalid_expiry);
    wrong = how();
    wrong.pre_alloc = true;
    CHECK_SAYS(pool.open(std::nothrow, antpool::unlimited, wrong), status::invalid_preallocation);
    CHECK(!pool);
    CHECK_SAYS(pool.open(std::nothrow, 1, how()), status::ok);
    CHECK(pool);
    antpool_t *const handle = pool.native_handle();
    CHECK_SAYS(pool.open(std::nothrow, 1, how()), status::invalid_argument);
    CHECK(pool.native_handle() == handle);
}

#if defined(__cpp_exceptions)

SPEC(a_call_that_fails_throws_its_status_and_says_which_call_it_was)
{
    antpool::pool pool(1, how());
    pool.release();
    try {
        pool.submit([] {});
        CHECK(!"it did not throw");
    } catch (const std::system_error &error) {
        CHECK(error.code() == status::closed);
        CHECK(strstr(error.what(), "submit") != nullptr);
        CHECK(strstr(error.what(), antpool::status_message(status::closed)) != nullptr);
    }
}

SPEC(what_returns_its_status_with_nothrow_throws_it_without)
{
    antpool::pool_view none;
    CHECK_THROWS(none.submit([] {}), status::invalid_argument);
    CHECK_THROWS(none.try_submit([] {}), status::invalid_argument);
    CHECK_THROWS(none.submit_for(1s, [] {}), status::invalid_argument);
    CHECK_THROWS(none.async([] {}), status::invalid_argument);
    CHECK_THROWS(none.wait(), status::invalid_argument);
    CHECK_THROWS(none.wait_for(1s), status::invalid_argument);
    CHECK_THROWS(none.tune(1), status::invalid_argument);
    CHECK_THROWS(none.release(), status::invalid_argument);
    CHECK_THROWS(none.release_for(1s), status::invalid_argument);
    CHECK_THROWS(none.reboot(), status::invalid_argument);
    CHECK_THROWS(none.stats(), status::invalid_argument);
    CHECK_THROWS(antpool::pool(0, how()), status::invalid_argument);
    antpool::pool pool;
    CHECK_THROWS(pool.open(0, how()), status::invalid_argument);
    CHECK_THROWS(pool.open(1, how()), status::ok);
    CHECK_THROWS(pool.open(1, how()), status::invalid_argument);
    CHECK_THROWS(pool.close(), status::ok);
}

#else

SPEC(without_exceptions_a_call_that_fails_says_why_and_aborts)
{
    char said[400]; // The library names the option first.
    const int ended = child_run([](void *) { antpool::pool pool(0); }, nullptr, said, sizeof said);
    CHECK_ABORTED(ended);
    const char *own = strstr(said, "\nantpool: open: ");
    CHECK(own != nullptr);
    CHECK(strstr(own, antpool::status_message(status::invalid_argument)) != nullptr);
}

#endif

SPEC(in_a_forked_child_a_pool_says_forked_and_is_given_up_by_its_destructor)
{
    antpool::pool pool(2, how());
    CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::ok);
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
    const auto in_child = [](void *arg) {
        antpool::pool mine(std::move(*static_cast<antpool::pool *>(arg)));
        CHECK_SAYS(mine.submit(std::nothrow, [] {}), status::forked);
        CHECK_SAYS(mine.wait(std::nothrow), status::forked);
        CHECK_EQ(mine.running(), 0);
    };
    CHECK_EXIT(child_wait(child_start(in_child, &pool)), 0);
    CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::ok);
}

SPEC_MAIN()
