// C++ exceptions that leave plain functions, and panics that pass through C++ frames.
#include "spec.h"

#include "failures.h"

#include <stdexcept>
#include <string>

namespace {

// Notes in *ended that its frame has been left.
struct Witness {
    bool *ended;
    ~Witness() { *ended = true; }
};

antpool_t *handled_pool(int64_t capacity, failures_t *failures)
{
    antpool_options_t options = failures_handled(failures);
    return spec_pool(capacity, &options);
}

void throw_runtime_error(void *message)
{
    throw std::runtime_error(static_cast<const char *>(message));
}

} // namespace

SPEC(the_message_of_an_exception_is_its_what)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    char message[] = "no such file";
    run_task(pool, throw_runtime_error, message);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "no such file");
    CHECK(failures.info.pool == pool);
    CHECK(failures.info.fn == throw_runtime_error);
    CHECK(failures.info.arg == message);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 1);
    CHECK_EQ(stats.completed, 1);
    CHECK_EQ(stats.lost, 0);
    spec_destroy(pool);
}

namespace {

// An exception of one's own whose text dies with it.
struct Passing : std::exception {
    std::string text = std::string(60, 'a') + "z";
    const char *what() const noexcept override { return text.c_str(); }
};

void throw_passing(void *)
{
    throw Passing();
}

} // namespace

SPEC(the_message_outlives_the_exception)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    run_task(pool, throw_passing, nullptr);
    CHECK_TEXT(failures.message, (std::string(60, 'a') + "z").c_str());
    spec_destroy(pool);
}

SPEC(an_exception_of_any_type_fails_its_task)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    const antpool_task_fn throwers[] = {
        [](void *) { throw 42; },
        [](void *) { throw "a text"; },
        [](void *) { throw std::string("a string"); },
    };
    long handled = 0;
    for (antpool_task_fn thrower : throwers) {
        failures.message[0] = '\0';
        run_task(pool, thrower, nullptr);
        CHECK_EQ(count_get(&failures.handled), ++handled);
        CHECK(failures.message[0] != '\0');
        CHECK(failures.info.fn == thrower);
    }
    CHECK_EQ(stats_of(pool).spawned, 1);
    CHECK_EQ(stats_of(pool).lost, 0);
    spec_destroy(pool);
}

namespace {

struct Order {
    bool destroyed;
    bool destroyed_first;
};

template <void leave()> void leave_with_witness(void *order)
{
    Witness witness{&static_cast<Order *>(order)->destroyed};
    leave();
}

void leave_by_exception()
{
    throw std::logic_error("left");
}

void leave_by_panic()
{
    antpool_panic("left");
}

[[maybe_unused]] void leave_by_thread_exit()
{
    pthread_exit(nullptr);
}

void handler_looks(void *, const antpool_panic_info_t *info)
{
    auto *order = static_cast<Order *>(info->arg);
    order->destroyed_first = order->destroyed;
}

} // namespace

SPEC(destructors_run_before_the_handler_is_called)
{
    antpool_options_t options = spec_options();
    options.panic_handler = handler_looks;
    antpool_t *pool = spec_pool(1, &options);
    const antpool_task_fn leavers[] = {
        leave_with_witness<leave_by_exception>,
        leave_with_witness<leave_by_panic>,
// libc++ comes with another unwinder than the one that glibc ends threads with: that crashes anywhere.
#if !defined(_LIBCPP_VERSION)
        leave_with_witness<leave_by_thread_exit>,
#endif
    };
    for (antpool_task_fn leaver : leavers) {
        Order order = {false, false};
        run_task(pool, leaver, &order);
        CHECK(order.destroyed_first);
    }
    const int exits = int(sizeof leavers / sizeof leavers[0]) - 2;
    CHECK_EQ(stats_of(pool).panicked, 2 + exits);
    CHECK_EQ(stats_of(pool).lost, exits);
    spec_destroy(pool);
}

namespace {

void rethrow_whatever_comes(void *message)
{
    try {
        antpool_panic(static_cast<const char *>(message));
    } catch (...) {
        throw;
    }
}

} // namespace

SPEC(a_panic_that_is_caught_and_rethrown_keeps_its_message)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    char message[] = "passing through";
    run_task(pool, rethrow_whatever_comes, message);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "passing through");
    spec_destroy(pool);
}

namespace {

void catch_by_oneself(void *caught)
{
    try {
        throw std::runtime_error("nobody's business");
    } catch (const std::exception &) {
        count_task(caught);
    }
}

} // namespace

SPEC(an_exception_that_a_task_catches_is_its_own_business)
{
    failures_t failures = FAILURES_INIT;
    count_t caught = COUNT_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    run_task(pool, catch_by_oneself, &caught);
    CHECK_EQ(count_get(&caught), 1);
    CHECK_EQ(count_get(&failures.handled), 0);
    CHECK_EQ(stats_of(pool).panicked, 0);
    spec_destroy(pool);
}

SPEC(a_message_said_before_an_exception_stands)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    run_task(
        pool,
        [](void *) {
            antpool_task_fail("said before");
            throw std::runtime_error("thrown after");
        },
        nullptr);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "said before");
    spec_destroy(pool);
}

SPEC(without_a_handler_the_log_has_the_what)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    antpool_t *pool = spec_pool(1, &options);
    char message[] = "for the log";
    run_task(pool, throw_runtime_error, message);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK(strstr(failures.line, "for the log") != nullptr);
    spec_destroy(pool);
}

SPEC(exceptions_that_leave_callbacks_are_logged)
{
    failures_t failures = FAILURES_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.panic_handler = [](void *, const antpool_panic_info_t *) {
        throw std::runtime_error("the handler itself");
    };
    options.on_worker_start = [](void *, antpool_t *, size_t) {
        throw std::runtime_error("the hook itself");
    };
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK(strstr(failures.line, "the hook itself") != nullptr);
    run_task(pool, throw_passing, nullptr);
    CHECK_EQ(count_get(&failures.logged), 2);
    CHECK(strstr(failures.line, "the handler itself") != nullptr);
    CHECK_EQ(stats_of(pool).panicked, 1);
    CHECK_EQ(stats_of(pool).lost, 0);
    spec_destroy(pool);
}

SPEC(many_exceptions_cost_no_thread_and_no_task)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.disable_purge = true;
    antpool_t *pool = spec_pool(4, &options);
    const auto rounds = static_cast<long>(spec_rounds(4000));
    char message[] = "again";
    for (long i = 0; i < rounds; i++)
        CHECK_STATUS(antpool_submit(pool, throw_runtime_error, message), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(count_get(&failures.handled), rounds);
    CHECK_EQ(stats.panicked, rounds);
    CHECK_EQ(stats.completed, rounds);
    CHECK_LE(stats.spawned, 4);
    CHECK_EQ(stats.lost, 0);
    spec_destroy(pool);
}

SPEC_MAIN()
