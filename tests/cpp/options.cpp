// Each option does what it says, and the functions among them live as long as they are needed.
#include "tools.hpp"

#include "../c/child.h"

#include <mutex>
#include <sched.h>
#include <set>
#include <string>
#include <sys/resource.h>

// A field more in antpool_options_t has to be given its place in antpool::options.
static_assert(sizeof(antpool_options_t) == 160 || sizeof(void *) != 8);

namespace {

std::string name_of_thread()
{
    char name[16] = "";
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    return name;
}

// The size of the stack of the worker that runs the calling task.
std::size_t size_of_stack()
{
    pthread_attr_t attributes;
    std::size_t size = 0;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    CHECK_EQ(pthread_attr_getstacksize(&attributes, &size), 0);
    CHECK_EQ(pthread_attr_destroy(&attributes), 0);
    return size;
}

} // namespace

SPEC(limits_and_kinds_of_submitting_are_as_the_options_say)
{
    antpool::options options = how();
    options.nonblocking = true;
    options.queue_capacity = 2;
    options.min_workers = 2;
    antpool::pool pool(3, options);
    CHECK_EQ(pool.running(), 2);
    CHECK_EQ(pool.available(), 5);
    {
        Gate gate(pool, 3);
        CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::ok);
        CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::ok);
        CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::overload);
    }
    options = how();
    options.queue_capacity = antpool::unbounded;
    antpool::pool unbounded(1, options);
    Gate gate(unbounded, 1);
    for (int i = 0; i < 1000; i++)
        CHECK_SAYS(unbounded.try_submit(std::nothrow, [] {}), status::ok);
}

SPEC(the_number_of_waiting_callers_is_bounded)
{
    antpool::options options = how();
    options.max_blocking_tasks = 1;
    antpool::pool pool(1, options);
    Gate gate(pool, 1);
    caller_t caller;
    caller_wait_in(&caller, pool.native_handle(), nothing, nullptr);
    CHECK_SAYS(pool.submit(std::nothrow, [] {}), status::overload);
    CHECK_SAYS(pool.submit_for(std::nothrow, 1h, [] {}), status::overload);
    CHECK(!pool.submit_for(1h, [] {}));
    gate.open();
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
}

SPEC(idle_workers_expire_unless_told_otherwise)
{
    antpool::options options = how();
    options.expiry = 20ms;
    antpool::pool pool(1, options);
    options.disable_purge = true;
    antpool::pool staying(1, options);
    pool.submit([] {});
    staying.submit([] {});
    staying.wait();
    pool.wait();
    EVENTUALLY(pool.stats().purged == 1);
    CHECK_EQ(pool.running(), 0);
    CHECK_EQ(staying.running(), 1);
}

SPEC(a_preallocated_pool_cannot_be_tuned)
{
    antpool::options options = how();
    options.pre_alloc = true;
    antpool::pool pool(2, options);
    CHECK_SAYS(pool.tune(std::nothrow, 3), status::unsupported);
}

SPEC(workers_have_the_name_and_the_stack_they_were_given)
{
    spec_skip_if(spec_current_kind != ANTPOOL_WORKER_THREAD, "the names and stacks of threads");
    antpool::options options = how();
    options.name = "resize";
    options.stack_size = 1 << 20;
    antpool::pool pool(1, options);
    CHECK(pool.async(name_of_thread).get().find("resize-") == 0);
    CHECK_GE(pool.async(size_of_stack).get(), 1 << 20);
    CHECK_LE(pool.async(size_of_stack).get(), 2 << 20);
    antpool::pool unnamed(1, how());
    CHECK(unnamed.async(name_of_thread).get().find("antpool-") == 0);
}

SPEC(a_kind_of_worker_that_this_version_lacks_is_unsupported)
{
    antpool_options_t native = ANTPOOL_OPTIONS_INIT;
    native.worker_kind = ANTPOOL_WORKER_FIBER;
    antpool_t *handle = nullptr;
    const antpool_status_t expected = antpool_new(1, &native, &handle);
    antpool::options options;
    options.worker = antpool::worker_kind::fiber;
    antpool::pool pool;
    CHECK_SAYS(pool.open(std::nothrow, 1, options), static_cast<status>(expected));
    CHECK_STATUS(antpool_destroy(handle), ANTPOOL_OK);
}

SPEC(abort_on_panic_ends_the_process_at_a_failure)
{
    char said[400];
    const auto fails = [](void *) {
        antpool::options options = how();
        options.abort_on_panic = true;
        antpool::pool pool(1, options);
        pool.submit([] { antpool_task_fail("the last word"); });
        pool.wait();
    };
    CHECK_ABORTED(child_run(fails, nullptr, said, sizeof said));
    CHECK(strstr(said, "the last word") != nullptr);
}

#if __cplusplus >= 202002L

SPEC(options_can_be_named_where_the_pool_is_made)
{
    antpool::pool pool(2, {.expiry = 5s, .queue_capacity = 7, .name = "named"});
    CHECK_EQ(pool.available(), 9);
}

#endif

SPEC(the_panic_handler_hears_of_a_failure_once_before_the_wait_ends)
{
    int handled = 0;
    std::string message;
    antpool::pool_view where;
    antpool::options options = how();
    options.panic_handler = [&](const antpool::panic_info &info) {
        handled++;
        message = info.message;
        where = info.pool;
        CHECK_EQ(info.message.data()[info.message.size()], 0);
        CHECK(antpool::current_pool() == info.pool);
    };
    antpool::pool pool(1, options);
    pool.submit([] { antpool_task_fail("out of luck"); });
    pool.wait();
    CHECK_EQ(handled, 1);
    CHECK_TEXT(message.c_str(), "out of luck");
    CHECK(where == pool);
    CHECK_EQ(pool.stats().panicked, 1);
}

SPEC(the_logger_hears_of_a_failure_that_nobody_handles)
{
    std::string line;
    antpool::log_level level{};
    antpool::options options = how();
    options.logger = [&](antpool::log_level severity, std::string_view text) {
        level = severity;
        line = text;
    };
    antpool::pool pool(1, options);
    pool.submit([] { antpool_task_fail("out of luck"); });
    pool.wait();
    CHECK(line.find("out of luck") != std::string::npos);
    CHECK(level == antpool::log_level::error);
}

SPEC(each_worker_is_greeted_and_seen_off)
{
    spec_skip_if(spec_current_kind != ANTPOOL_WORKER_THREAD, "the hooks are for threads");
    std::mutex mutex;
    std::set<std::size_t> present;
    count_t greeted = COUNT_INIT, seen_off = COUNT_INIT;
    antpool::options options = how();
    options.on_worker_start = [&](antpool::pool_view pool, std::size_t index) {
        const std::lock_guard<std::mutex> lock(mutex);
        CHECK(pool);
        CHECK(present.insert(index).second);
        count_add(&greeted, 1);
    };
    options.on_worker_stop = [&](antpool::pool_view, std::size_t index) {
        const std::lock_guard<std::mutex> lock(mutex);
        CHECK_EQ(present.erase(index), 1);
        count_add(&seen_off, 1);
    };
    options.min_workers = 2;
    antpool::pool pool(2, options);
    count_wait(&greeted, 2);
    CHECK_EQ(count_get(&seen_off), 0);
    pool.close();
    CHECK_EQ(count_get(&greeted), 2);
    CHECK_EQ(count_get(&seen_off), 2);
}

SPEC(the_functions_move_with_the_pool_and_live_until_its_last_worker_has_left)
{
    std::atomic<long> alive_at_stop{0}, handled{0};
    antpool::options options = how();
    options.panic_handler = [&, witness = Witness()](const antpool::panic_info &) { ++handled; };
    options.on_worker_stop = [&](antpool::pool_view, std::size_t) {
        alive_at_stop = Witness::alive.load();
    };
    {
        antpool::pool first(1, std::move(options));
        antpool::pool second(std::move(first));
        options = how();
        CHECK_EQ(Witness::alive, 1);
        second.submit([] { antpool_task_fail("after a move"); });
        second.wait();
    }
    CHECK_EQ(handled, 1);
    CHECK_EQ(alive_at_stop, 1);
    CHECK_EQ(Witness::alive, 0);
}

SPEC(the_functions_of_a_pool_that_could_not_be_made_are_destroyed)
{
    antpool::pool pool;
    antpool::options options = how();
    options.logger = [witness = Witness()](antpool::log_level, std::string_view) {};
    CHECK_SAYS(pool.open(std::nothrow, 0, std::move(options)), status::invalid_argument);
    options = how();
    CHECK_EQ(Witness::alive, 0);
}

SPEC(workers_run_on_the_cpus_that_are_listed_and_are_nicer)
{
    cpu_set_t allowed;
    CHECK_EQ(sched_getaffinity(getpid(), sizeof allowed, &allowed), 0);
    std::uint32_t first = 0;
    while (!CPU_ISSET(first, &allowed))
        first++;
    const int before = getpriority(PRIO_PROCESS, 0);
    antpool::options options = how();
    options.cpus = {first};
    options.nice_increment = 1;
    antpool::pool pool(1, std::move(options));
    int cpus = 0;
    int nice = 0;
    pool.submit([&] {
        cpu_set_t mine;
        CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
        cpus = CPU_COUNT(&mine);
        nice = getpriority(PRIO_PROCESS, 0);
    });
    pool.wait();
    CHECK_EQ(cpus, 1);
    CHECK_EQ(nice, before < 19 ? before + 1 : 19);
}

SPEC_MAIN()
