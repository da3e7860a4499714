/**
 * @file antpool.hpp
 * antpool for C++17 and later: header-only, over antpool.h.
 *
 * SPDX-License-Identifier: MIT
 *
 * The first program:
 *
 *     antpool::pool pool(8);
 *     pool.submit([] { std::puts("a task"); });
 *     std::future<int> sum = pool.async([] { return 40 + 2; });
 *     std::printf("%d\n", sum.get());
 *     pool.wait();
 *
 * What antpool.h says of pools, tasks, threads, fork() and exit() holds here too; each function
 * names the C call that it stands for. What is added:
 *
 * - Errors. A function throws std::system_error with an antpool::status as its code. The same
 *   function with std::nothrow as its first argument returns the status instead. The functions
 *   whose name begins with try_ or ends in _for return false when there was no room or no time,
 *   and throw on everything else. Compiled without exceptions, a function that would throw writes
 *   its message to stderr and aborts; use the forms with std::nothrow there.
 * - Callables. Whatever can be called without arguments, move-only ones included, is decayed,
 *   copied or moved into the task, called once as an rvalue and destroyed on the worker; what it
 *   returns is ignored. One that is trivially copyable and not larger than ANTPOOL_COPY_MAX costs
 *   no allocation, others cost one. If the submit is refused, the pool's copy is destroyed without
 *   a call, before the submit returns. An empty std::function or a null function pointer is
 *   status::invalid_argument.
 * - Failures. An exception that leaves a submitted task is given to the panic handler with its
 *   what(), after the callable has been destroyed. In async() it travels in the future instead.
 * - Durations of any std::chrono type are rounded up to milliseconds; negative ones do not wait,
 *   those beyond 2^62 milliseconds wait without limit.
 */
#ifndef ANTPOOL_HPP
#define ANTPOOL_HPP

#if __cplusplus < 201703L
#error "antpool.hpp needs C++17 or later"
#endif

#include <antpool.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

/// @cond
/* Code compiled against another version, or without exceptions, can be in the same program: each
 * variant of this header has names of its own, although nobody has to write them. */
#if defined(__cpp_exceptions)
#define ANTPOOL_HPP_VARIANT v0_1
#else
#define ANTPOOL_HPP_VARIANT v0_1_noexceptions
#endif
/// @endcond

/** antpool for C++. */
namespace antpool {
inline namespace ANTPOOL_HPP_VARIANT {

static_assert(ANTPOOL_VERSION_MAJOR == 0 && ANTPOOL_VERSION_MINOR == 1,
              "antpool.hpp and antpool.h are of different versions");

// ---- Errors --------------------------------------------------------------------------------

// clang-format off
/**
 * What a call says: antpool_status_t as a scoped enumeration.
 *
 * It converts to std::error_code, whose category is error_category(), and compares with one.
 */
enum class [[nodiscard]] status : int {
    // clang-format on
    unknown = ANTPOOL_ERR_UNKNOWN,
    ok = ANTPOOL_OK,
    invalid_argument = ANTPOOL_ERR_INVALID_ARGUMENT,
    closed = ANTPOOL_ERR_CLOSED,
    overload = ANTPOOL_ERR_OVERLOAD,
    timed_out = ANTPOOL_ERR_TIMED_OUT,
    no_function = ANTPOOL_ERR_NO_FUNCTION,
    invalid_expiry = ANTPOOL_ERR_INVALID_EXPIRY,
    invalid_preallocation = ANTPOOL_ERR_INVALID_PREALLOC,
    invalid_pool_index = ANTPOOL_ERR_INVALID_POOL_INDEX,
    invalid_strategy = ANTPOOL_ERR_INVALID_STRATEGY,
    invalid_pool_count = ANTPOOL_ERR_INVALID_POOL_COUNT,
    spawn = ANTPOOL_ERR_SPAWN,
    no_memory = ANTPOOL_ERR_NO_MEMORY,
    deadlock = ANTPOOL_ERR_DEADLOCK,
    forked = ANTPOOL_ERR_FORKED,
    canceled = ANTPOOL_ERR_CANCELED,
    already_started = ANTPOOL_ERR_ALREADY_STARTED,
    unsupported = ANTPOOL_ERR_UNSUPPORTED,
    task_failed = ANTPOOL_ERR_TASK_FAILED,
    busy = ANTPOOL_ERR_BUSY,
};

/** The name of a status, such as "ANTPOOL_ERR_CLOSED"; it lives as long as the library. */
[[nodiscard]] inline const char *status_name(status value) noexcept
{
    return antpool_status_name(static_cast<int>(value));
}

/** A sentence about a status, such as "the pool is closed"; it lives as long as the library. */
[[nodiscard]] inline const char *status_message(status value) noexcept
{
    return antpool_status_message(static_cast<int>(value));
}

/**
 * The category of the error codes: its name is "antpool", its messages are those of the library.
 *
 * Statuses that std::errc has a word for compare equal to it, such as status::timed_out to
 * std::errc::timed_out.
 */
[[nodiscard]] inline const std::error_category &error_category() noexcept
{
    class category final : public std::error_category {
    public:
        const char *name() const noexcept override { return "antpool"; }
        std::string message(int value) const override { return antpool_status_message(value); }
        std::error_condition default_error_condition(int value) const noexcept override
        {
            switch (static_cast<status>(value)) {
            case status::invalid_argument: return std::errc::invalid_argument;
            case status::overload:
            case status::spawn: return std::errc::resource_unavailable_try_again;
            case status::timed_out: return std::errc::timed_out;
            case status::no_memory: return std::errc::not_enough_memory;
            case status::deadlock: return std::errc::resource_deadlock_would_occur;
            case status::canceled: return std::errc::operation_canceled;
            case status::unsupported: return std::errc::not_supported;
            case status::busy: return std::errc::device_or_resource_busy;
            default: return {value, *this};
            }
        }
    };
    // Never destroyed: what the destructors of other static objects throw may name it.
    alignas(category) static unsigned char storage[sizeof(category)];
    static const category *const instance = ::new (static_cast<void *>(storage)) category;
    return *instance;
}

/** Makes a status a std::error_code; found by argument-dependent lookup. */
[[nodiscard]] inline std::error_code make_error_code(status value) noexcept
{
    return {static_cast<int>(value), error_category()};
}

/// @cond
namespace detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void raise(status value, const char *call)
{
#if defined(__cpp_exceptions)
    throw std::system_error(make_error_code(value), call);
#else
    std::fprintf(stderr, "%s: %s\n", call, status_message(value));
    std::abort();
#endif
}

inline void require(status value, const char *call)
{
    if (value != status::ok)
        raise(value, call);
}

// For calls that may find no room or run out of time: that is an answer, and not an error.
inline bool succeeded(status value, const char *call)
{
    if (value == status::overload || value == status::timed_out)
        return false;
    require(value, call);
    return true;
}

template <class Rep, class Period>
std::uint64_t milliseconds_of(std::chrono::duration<Rep, Period> duration) noexcept
{
    using exact = std::chrono::duration<long double, std::milli>;
    constexpr long double limit = 4611686018427387904.0L;
    if (!(duration > duration.zero()))
        return 0;
    if (exact(duration).count() >= limit)
        return ANTPOOL_WAIT_FOREVER;
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(duration);
    return static_cast<std::uint64_t>(rounded.count());
}

// ---- Tasks ---------------------------------------------------------------------------------

// Calls the caller's code on a worker. The library catches what leaves it, if the process had the
// C++ runtime when the library was loaded. A plugin may bring that runtime later; a what() arrives
// then too, because it is taken here. What is no std::exception may be a panic or the end of the
// thread, which are not to be caught, and stays the library's.
template <class Body> void guarded(Body &&body)
{
#if defined(__cpp_exceptions)
    try {
        body();
    } catch (const std::exception &exception) {
        antpool_task_fail(exception.what());
    }
#else
    body();
#endif
}

template <class Task> void call(Task &task)
{
    detail::guarded([&] { static_cast<void>(std::invoke(std::move(task))); });
}

template <class Task>
inline constexpr bool fits_into_copy = std::is_trivially_copyable_v<Task> &&
                                       sizeof(Task) <= ANTPOOL_COPY_MAX &&
                                       alignof(Task) <= alignof(std::max_align_t);

template <class Task>
inline constexpr bool fits_into_pointer = fits_into_copy<Task> && sizeof(Task) <= sizeof(void *) &&
                                          alignof(Task) <= alignof(void *);

// The callable is the bytes of the argument. A union holds it without making one first.
template <class Task> void run_in_pointer(void *arg)
{
    union holder {
        Task task;
        holder() {}
    } held;
    std::memcpy(static_cast<void *>(std::addressof(held.task)), &arg, sizeof held.task);
    detail::call(held.task);
}

// The callable is the copy inside the library's task.
template <class Task> void run_in_copy(void *arg)
{
    detail::call(*static_cast<Task *>(arg));
}

template <class Task> struct owned {
    Task task;
};

// The callable is on the heap. It is destroyed before the panic handler hears of a failure.
template <class Task> void run_owned(void *arg)
{
    const std::unique_ptr<owned<Task>> keeper(static_cast<owned<Task> *>(arg));
    detail::call(keeper->task);
}

// The three kinds of submitting.
struct waiting {
    static constexpr bool copies = true;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_submit(pool, fn, arg);
    }
    antpool_status_t copy(antpool_t *pool, antpool_task_fn fn, const void *data,
                          std::size_t size) const noexcept
    {
        return antpool_submit_copy(pool, fn, data, size);
    }
};

struct trying {
    static constexpr bool copies = true;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_try_submit(pool, fn, arg);
    }
    antpool_status_t copy(antpool_t *pool, antpool_task_fn fn, const void *data,
                          std::size_t size) const noexcept
    {
        return antpool_try_submit_copy(pool, fn, data, size);
    }
};

// The library has no timed submit that copies.
struct waiting_for {
    static constexpr bool copies = false;
    std::uint64_t timeout_ms;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_submit_timeout(pool, fn, arg, timeout_ms);
    }
};

// Those with a priority do not copy either.
struct waiting_at {
    static constexpr bool copies = false;
    std::uint32_t priority;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_submit_with_priority(pool, fn, arg, priority);
    }
};

struct trying_at {
    static constexpr bool copies = false;
    std::uint32_t priority;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_try_submit_with_priority(pool, fn, arg, priority);
    }
};

struct waiting_at_for {
    static constexpr bool copies = false;
    std::uint32_t priority;
    std::uint64_t timeout_ms;
    antpool_status_t plain(antpool_t *pool, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_submit_with_priority_timeout(pool, fn, arg, priority, timeout_ms);
    }
};

template <class Callable> bool is_empty(const Callable &) noexcept
{
    return false;
}
template <class Function> bool is_empty(Function *const &function) noexcept
{
    return function == nullptr;
}
template <class Signature> bool is_empty(const std::function<Signature> &function) noexcept
{
    return function == nullptr;
}

template <class Callable>
inline constexpr bool moves_quietly =
    std::is_nothrow_constructible_v<std::decay_t<Callable>, Callable>;

template <class How, class Handle, class Callable>
status place(const How &how, Handle *pool, Callable &&callable) noexcept(moves_quietly<Callable>)
{
    using task_type = std::decay_t<Callable>;
    static_assert(std::is_invocable_v<task_type>, "a task is called without arguments");
    if (detail::is_empty(callable))
        return status::invalid_argument;
    if constexpr (fits_into_pointer<task_type>) {
        void *arg = nullptr;
        if constexpr (!std::is_empty_v<task_type>) {
            const task_type task(std::forward<Callable>(callable));
            std::memcpy(&arg, std::addressof(task), sizeof task);
        }
        return status(how.plain(pool, run_in_pointer<task_type>, arg));
    } else if constexpr (How::copies && fits_into_copy<task_type>) {
        const task_type task(std::forward<Callable>(callable));
        return status(how.copy(pool, run_in_copy<task_type>, std::addressof(task), sizeof task));
    } else {
        std::unique_ptr<owned<task_type>> keeper(
            new (std::nothrow) owned<task_type>{task_type(std::forward<Callable>(callable))});
        if (!keeper)
            return status::no_memory;
        const status result = status(how.plain(pool, run_owned<task_type>, keeper.get()));
        if (result == status::ok)
            static_cast<void>(keeper.release());
        return result;
    }
}

} // namespace detail
/// @endcond

// ---- Pools ---------------------------------------------------------------------------------

/** A timeout that never passes. */
inline constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();
/** The capacity of a pool without a limit of its own. */
inline constexpr std::int64_t unlimited = ANTPOOL_UNLIMITED;
/** An options::queue_capacity that grows with the tasks. */
inline constexpr std::size_t unbounded = ANTPOOL_QUEUE_UNBOUNDED;

/** Which tasks of a pool's queue are begun first: antpool_priority_t. */
enum class priority : std::uint32_t {
    normal = ANTPOOL_PRIORITY_NORMAL, /**< What a task has that was submitted without one. */
    high = ANTPOOL_PRIORITY_HIGH,     /**< Before those. */
    low = ANTPOOL_PRIORITY_LOW,       /**< After those. */
};

/**
 * What can be done with a pool, whoever owns it: the common part of pool and pool_view.
 *
 * An object is a handle, so that all of this is const; any number of threads may use one at the
 * same time, inside tasks too. On an empty handle functions say status::invalid_argument, and
 * getters 0.
 */
class pool_operations {
public:
    /**
     * Submits a task, waiting for room while the pool is full: antpool_submit().
     *
     * @throws std::system_error with invalid_argument, closed, overload, deadlock, spawn,
     *         no_memory or forked; and what copying or moving the callable throws. The task will
     *         not run then.
     */
    template <class Callable> void submit(Callable &&callable) const
    {
        detail::require(submit(std::nothrow, std::forward<Callable>(callable)), "antpool: submit");
    }
    /** As submit(), with the status as its result. Only the callable's own copy or move throws. */
    template <class Callable>
    status submit(std::nothrow_t, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(detail::waiting{}, handle_, std::forward<Callable>(callable));
    }

    /**
     * Submits a task if there is room now: antpool_try_submit(). Never waits.
     *
     * @return false if the pool is full.
     * @throws std::system_error as submit() does, overload excepted.
     */
    template <class Callable> [[nodiscard]] bool try_submit(Callable &&callable) const
    {
        return detail::succeeded(try_submit(std::nothrow, std::forward<Callable>(callable)),
                                 "antpool: try_submit");
    }
    /** As try_submit(), with the status as its result; overload if the pool is full. */
    template <class Callable>
    status try_submit(std::nothrow_t, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(detail::trying{}, handle_, std::forward<Callable>(callable));
    }

    /**
     * Submits a task, waiting for room for at most `timeout`, also on a nonblocking pool:
     * antpool_submit_timeout(). A callable larger than a pointer costs an allocation.
     *
     * @return false if there was no room in time, or options::max_blocking_tasks callers waited.
     * @throws std::system_error as submit() does, overload excepted.
     */
    template <class Rep, class Period, class Callable>
    [[nodiscard]] bool submit_for(std::chrono::duration<Rep, Period> timeout,
                                  Callable &&callable) const
    {
        return detail::succeeded(
            submit_for(std::nothrow, timeout, std::forward<Callable>(callable)),
            "antpool: submit_for");
    }
    /** As submit_for(), with the status as its result; timed_out if there was no room in time. */
    template <class Rep, class Period, class Callable>
    status submit_for(std::nothrow_t, std::chrono::duration<Rep, Period> timeout,
                      Callable &&callable) const noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(detail::waiting_for{detail::milliseconds_of(timeout)}, handle_,
                             std::forward<Callable>(callable));
    }

    /**
     * As submit(), with a priority, which counts while the task waits for a worker: antpool_submit_with_priority(). A
     * callable larger than a pointer costs an allocation.
     *
     * @throws std::system_error as submit() does.
     */
    template <class Callable> void submit(priority level, Callable &&callable) const
    {
        detail::require(submit(std::nothrow, level, std::forward<Callable>(callable)),
                        "antpool: submit");
    }
    /** The same, with the status as its result. Only the callable's own copy or move throws. */
    template <class Callable>
    status submit(std::nothrow_t, priority level, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(detail::waiting_at{static_cast<std::uint32_t>(level)}, handle_,
                             std::forward<Callable>(callable));
    }
    /** As try_submit(), with a priority: antpool_try_submit_with_priority(). @return false if the pool is full. */
    template <class Callable>
    [[nodiscard]] bool try_submit(priority level, Callable &&callable) const
    {
        return detail::succeeded(detail::place(detail::trying_at{static_cast<std::uint32_t>(level)},
                                               handle_, std::forward<Callable>(callable)),
                                 "antpool: try_submit");
    }
    /** As submit_for(), with a priority: antpool_submit_with_priority_timeout(). @return false as that. */
    template <class Rep, class Period, class Callable>
    [[nodiscard]] bool submit_for(priority level, std::chrono::duration<Rep, Period> timeout,
                                  Callable &&callable) const
    {
        return detail::succeeded(
            detail::place(detail::waiting_at_for{static_cast<std::uint32_t>(level),
                                                 detail::milliseconds_of(timeout)},
                          handle_, std::forward<Callable>(callable)),
            "antpool: submit_for");
    }

    /**
     * Submits a task as submit() does, and returns the future of what it returns or throws. Such
     * an exception is no failure of the task: the panic handler does not hear of it.
     *
     * Unlike that of std::async(), the future does not wait in its destructor. A task that waits
     * for the future of another task of its own pool occupies a worker meanwhile. A future knows
     * nothing of fibers: in a fiber its get() blocks the carrier and every fiber on it. For the other
     * ways of submitting, submit a std::packaged_task. The callable must not call antpool_panic().
     *
     * @throws std::system_error as submit() does. There is no future then.
     */
    template <class Callable>
    [[nodiscard]] std::future<std::invoke_result_t<std::decay_t<Callable>>>
    async(Callable &&callable) const
    {
        using result = std::invoke_result_t<std::decay_t<Callable>>;
        if (detail::is_empty(callable))
            detail::raise(status::invalid_argument, "antpool: async");
        std::packaged_task<result()> task(
            [kept = std::decay_t<Callable>(std::forward<Callable>(callable))]() mutable -> result {
                return std::invoke(std::move(kept));
            });
        std::future<result> future = task.get_future();
        detail::require(submit(std::nothrow, std::move(task)), "antpool: async");
        return future;
    }

    /**
     * Waits until no accepted task is unfinished: antpool_wait(). The pool stays open.
     *
     * @throws std::system_error with deadlock from inside a task of this pool, or forked.
     */
    void wait() const { detail::require(wait(std::nothrow), "antpool: wait"); }
    /** As wait(), with the status as its result. */
    status wait(std::nothrow_t) const noexcept { return status(antpool_wait(handle_)); }

    /**
     * As wait(), for at most `timeout`: antpool_wait_timeout().
     *
     * @return false if the time had passed first.
     */
    template <class Rep, class Period>
    [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> timeout) const
    {
        return detail::succeeded(wait_for(std::nothrow, timeout), "antpool: wait_for");
    }
    /** As wait_for(), with the status as its result; timed_out if the time had passed first. */
    template <class Rep, class Period>
    status wait_for(std::nothrow_t, std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_wait_timeout(handle_, detail::milliseconds_of(timeout)));
    }

    /**
     * Changes the capacity: antpool_tune(). Waits for no task and interrupts none.
     *
     * @throws std::system_error with invalid_argument, unsupported or forked.
     */
    void tune(std::int64_t capacity) const
    {
        detail::require(tune(std::nothrow, capacity), "antpool: tune");
    }
    /** As tune(), with the status as its result. */
    status tune(std::nothrow_t, std::int64_t capacity) const noexcept
    {
        return status(antpool_tune(handle_, capacity));
    }

    /**
     * Has tasks that have not begun wait until resume(): antpool_pause().
     *
     * @throws std::system_error with closed or forked.
     */
    void pause() const { detail::require(pause(std::nothrow), "antpool: pause"); }
    /** As pause(), with the status as its result. */
    status pause(std::nothrow_t) const noexcept { return status(antpool_pause(handle_)); }

    /**
     * Ends a pause: antpool_resume().
     *
     * @throws std::system_error with forked.
     */
    void resume() const { detail::require(resume(std::nothrow), "antpool: resume"); }
    /** As resume(), with the status as its result. */
    status resume(std::nothrow_t) const noexcept { return status(antpool_resume(handle_)); }

    /**
     * Has idle workers leave, but for options::min_workers: antpool_trim(). Does not wait for them.
     *
     * @throws std::system_error with forked.
     */
    void trim() const { detail::require(trim(std::nothrow), "antpool: trim"); }
    /** As trim(), with the status as its result. */
    status trim(std::nothrow_t) const noexcept { return status(antpool_trim(handle_)); }

    /**
     * Changes how long an idle worker stays, zero meaning a second: antpool_set_expiry().
     *
     * @throws std::system_error with invalid_expiry, unsupported or forked.
     */
    void set_expiry(std::chrono::milliseconds expiry) const
    {
        detail::require(set_expiry(std::nothrow, expiry), "antpool: set_expiry");
    }
    /** As set_expiry(), with the status as its result. */
    status set_expiry(std::nothrow_t, std::chrono::milliseconds expiry) const noexcept
    {
        return status(antpool_set_expiry(handle_, std::int64_t{expiry.count()}));
    }

    /**
     * Closes the pool: antpool_release(). It accepts nothing any more; what it has accepted still
     * runs. Does not wait.
     *
     * @throws std::system_error with forked.
     */
    void release() const { detail::require(release(std::nothrow), "antpool: release"); }
    /** As release(), with the status as its result. */
    status release(std::nothrow_t) const noexcept { return status(antpool_release(handle_)); }

    /**
     * Closes the pool and waits until every worker has exited: antpool_release_timeout().
     *
     * @return true also if they had exited before; false if the time had passed first: the pool
     *         stays closed, and the call may be made again to go on waiting.
     * @throws std::system_error with deadlock from inside a task of this pool, canceled if
     *         reboot() opened the pool again, or forked.
     */
    template <class Rep, class Period>
    [[nodiscard]] bool release_for(std::chrono::duration<Rep, Period> timeout) const
    {
        const status result = release_for(std::nothrow, timeout);
        return result == status::closed || detail::succeeded(result, "antpool: release_for");
    }
    /** As antpool_release_timeout(): closed if an earlier call has returned ok for this closing. */
    template <class Rep, class Period>
    status release_for(std::nothrow_t, std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_release_timeout(handle_, detail::milliseconds_of(timeout)));
    }

    /**
     * Opens a closed pool again, also in a forked child: antpool_reboot(). Does not wait.
     *
     * @throws std::system_error with spawn if the system refused one of options::min_workers.
     */
    void reboot() const { detail::require(reboot(std::nothrow), "antpool: reboot"); }
    /** As reboot(), with the status as its result. */
    status reboot(std::nothrow_t) const noexcept { return status(antpool_reboot(handle_)); }

    /**
     * One consistent look at the pool: antpool_get_stats().
     *
     * @throws std::system_error with forked.
     */
    [[nodiscard]] antpool_stats_t stats() const
    {
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        detail::require(this->stats(std::nothrow, stats), "antpool: stats");
        return stats;
    }
    /** As stats(), with the status as its result; out_stats is written if that is ok. */
    status stats(std::nothrow_t, antpool_stats_t &out_stats) const noexcept
    {
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        const status result = status(antpool_get_stats(handle_, &stats));
        if (result == status::ok)
            out_stats = stats;
        return result;
    }

    /** Writes what it is doing to a descriptor: antpool_dump(). */
    status dump(int fd) const noexcept { return status(antpool_dump(handle_, fd)); }

    /** How many workers it may have, or unlimited: antpool_capacity(). */
    [[nodiscard]] std::int64_t capacity() const noexcept { return antpool_capacity(handle_); }
    /** How many workers live, busy and idle: antpool_running(). */
    [[nodiscard]] std::int64_t running() const noexcept { return antpool_running(handle_); }
    /** How many workers have a task: antpool_busy(). */
    [[nodiscard]] std::int64_t busy() const noexcept { return antpool_busy(handle_); }
    /** How many submits would be accepted now, or unlimited: antpool_available(). */
    [[nodiscard]] std::int64_t available() const noexcept { return antpool_available(handle_); }
    /** How many callers wait to submit: antpool_waiting(). */
    [[nodiscard]] std::int64_t waiting() const noexcept { return antpool_waiting(handle_); }
    /** What the index of each of its workers is below: antpool_worker_index_limit(). */
    [[nodiscard]] std::size_t worker_index_limit() const noexcept
    {
        return antpool_worker_index_limit(handle_);
    }
    /** Whether it is paused: antpool_is_paused(). */
    [[nodiscard]] bool is_paused() const noexcept { return antpool_is_paused(handle_); }
    /** Whether it is closed, or the handle empty: antpool_is_closed(). */
    [[nodiscard]] bool is_closed() const noexcept { return antpool_is_closed(handle_); }

    /** The handle for calls of antpool.h, which may be mixed with those of this header. */
    [[nodiscard]] antpool_t *native_handle() const noexcept { return handle_; }
    /** Whether there is a pool behind this handle. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

    /// @cond
protected:
    pool_operations() = default;
    explicit pool_operations(antpool_t *handle) noexcept : handle_(handle) {}
    pool_operations(const pool_operations &) = default;
    pool_operations &operator=(const pool_operations &) = default;
    ~pool_operations() = default;

    antpool_t *handle_ = nullptr;
    /// @endcond
};

/** A pool that something else owns and keeps alive; copied as a pointer is. */
class pool_view : public pool_operations {
public:
    /** No pool. */
    pool_view() = default;
    /** The pool of a handle. */
    explicit pool_view(antpool_t *handle) noexcept : pool_operations(handle) {}
    /** The pool of somebody else; a pool becomes a view by itself where one is asked for. */
    pool_view(const pool_operations &other) noexcept : pool_operations(other) {}

    /** Whether both are of the same pool. */
    friend bool operator==(pool_view left, pool_view right) noexcept
    {
        return left.native_handle() == right.native_handle();
    }
    /** Whether they are of different pools. */
    friend bool operator!=(pool_view left, pool_view right) noexcept { return !(left == right); }
};

/** The pool that the whole process shares and nobody ends: antpool_default(). */
[[nodiscard]] inline pool_view default_pool() noexcept
{
    return pool_view(antpool_default());
}

/** The pool whose task is calling, or an empty view outside any: antpool_current(). */
[[nodiscard]] inline pool_view current_pool() noexcept
{
    return pool_view(antpool_current());
}

/** The index of the calling worker, or SIZE_MAX outside any: antpool_worker_index(). */
[[nodiscard]] inline std::size_t worker_index() noexcept
{
    return antpool_worker_index();
}

// ---- Loops ---------------------------------------------------------------------------------

/// @cond
namespace detail {

// What the calls of one loop share: its body, and the first exception that has left one of them.
template <class Body> struct loop {
    Body &body;
    std::atomic<bool> failed{false};
    std::exception_ptr exception{};

    template <class Call> void run(Call &&call)
    {
#if defined(__cpp_exceptions)
        if (failed.load(std::memory_order_relaxed))
            return;
        try {
            call();
        } catch (const std::exception &) {
            // The loop returns after this call has ended, and reads it then.
            if (!failed.exchange(true, std::memory_order_relaxed))
                exception = std::current_exception();
        }
#else
        call();
#endif
    }

    void finish(antpool_status_t result, const char *call) const
    {
#if defined(__cpp_exceptions)
        if (exception)
            std::rethrow_exception(exception);
#endif
        require(status(result), call);
    }
};

template <class Body>
void run_range(void *arg, std::size_t begin, std::size_t end, std::size_t slot)
{
    auto &shared = *static_cast<loop<Body> *>(arg);
    shared.run([&] {
        if constexpr (std::is_invocable_v<Body &, std::size_t, std::size_t, std::size_t>) {
            shared.body(begin, end, slot);
        } else {
            for (std::size_t index = begin; index != end; index++)
                shared.body(index);
        }
    });
}

template <class Body> void run_slot(void *arg, std::size_t slot)
{
    auto &shared = *static_cast<loop<Body> *>(arg);
    shared.run([&] { shared.body(slot); });
}

} // namespace detail
/// @endcond

/**
 * Runs the body for every index below count, shared between the caller and idle workers of the pool:
 * antpool_parallel_for(), which chooses the ranges. Returns when all have run.
 *
 * The body is body(index), or body(begin, end, slot) for ranges; it is called by several threads at a time, on one
 * object. An exception derived from std::exception that leaves it is thrown here, the first one; what of
 * the loop has not begun by then is skipped.
 *
 * A range has at least `grain` indices, where 0 leaves that to the library. At most `max_slots` calls run at a
 * time, where 0 is as many as there are usable CPUs.
 *
 * @throws std::system_error with closed, forked or invalid_argument, when no index has run; with
 *         task_failed if the body failed in another way. And what the body throws.
 */
template <class Body>
void parallel_for(const pool_operations &pool, std::size_t count, Body &&body,
                  std::size_t grain = 0, std::size_t max_slots = 0)
{
    using body_type = std::remove_reference_t<Body>;
    static_assert(
        std::is_invocable_v<body_type &, std::size_t> ||
            std::is_invocable_v<body_type &, std::size_t, std::size_t, std::size_t>,
        "a body is called with an index, or with the begin and the end of a range and a slot");
    detail::loop<body_type> shared{body};
    shared.finish(antpool_parallel_for(pool.native_handle(), count, grain, max_slots,
                                       detail::run_range<body_type>, std::addressof(shared)),
                  "antpool: parallel_for");
}

/**
 * Combines map(index) for every index below count, as parallel_for() does: combine(combine(identity,
 * map(0)), map(1)) and so on, in any order and grouping, so combine has to be associative and commutative.
 * Of the result type as many are made as calls may run at a time.
 *
 * @throws what parallel_for() throws, and std::bad_alloc.
 */
template <class Result, class Map, class Combine>
[[nodiscard]] Result parallel_reduce(const pool_operations &pool, std::size_t count,
                                     Result identity, Map &&map, Combine &&combine)
{
    // Neighbours are written by different threads.
    struct alignas(64) part {
        Result value;
    };
    const std::size_t slots = antpool_usable_cpus();
    std::vector<part> parts(slots, part{identity});
    antpool::parallel_for(
        pool, count,
        [&](std::size_t begin, std::size_t end, std::size_t slot) {
            Result value = std::move(parts[slot].value);
            for (std::size_t index = begin; index != end; index++)
                value = combine(std::move(value), map(index));
            parts[slot].value = std::move(value);
        },
        0, slots);
    for (part &each : parts)
        identity = combine(std::move(identity), std::move(each.value));
    return identity;
}

/**
 * Calls body(slot) count times at the same time, slot 0 by the caller: antpool_run_together(). For code
 * whose calls wait for each other, such as at a barrier.
 *
 * @return false if there are not as many idle workers; nothing has run then.
 * @throws what parallel_for() throws.
 */
template <class Body>
[[nodiscard]] bool run_together(const pool_operations &pool, std::size_t count, Body &&body)
{
    using body_type = std::remove_reference_t<Body>;
    detail::loop<body_type> shared{body};
    const antpool_status_t result = antpool_run_together(
        pool.native_handle(), count, detail::run_slot<body_type>, std::addressof(shared));
    if (result == ANTPOOL_ERR_OVERLOAD)
        return false;
    shared.finish(result, "antpool: run_together");
    return true;
}

// ---- One task ------------------------------------------------------------------------------

/**
 * One submitted task, to be waited for or canceled: antpool_task_submit(). Moved, never copied. Its
 * destructor gives the handle up; the task runs on.
 */
class task {
public:
    /** No task. */
    task() = default;
    /** Submits a callable as pool_operations::submit() does, with an allocation. */
    template <class Callable> task(const pool_operations &pool, Callable &&callable)
    {
        using kept_type = detail::owned<std::decay_t<Callable>>;
        if (detail::is_empty(callable))
            detail::raise(status::invalid_argument, "antpool: task");
        auto keeper = std::make_unique<kept_type>(
            kept_type{std::decay_t<Callable>(std::forward<Callable>(callable))});
        detail::require(status(antpool_task_submit(pool.native_handle(),
                                                   detail::run_owned<std::decay_t<Callable>>,
                                                   keeper.get(), &handle_)),
                        "antpool: task");
        callable_ = keeper.release();
        destroy_ = [](void *kept) { delete static_cast<kept_type *>(kept); };
    }
    task(const task &) = delete;
    task &operator=(const task &) = delete;
    /** Takes the task over; the other object is left empty. */
    task(task &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), callable_(other.callable_),
          destroy_(other.destroy_)
    {
    }
    /** Gives this task up and takes the other over. */
    task &operator=(task &&other) noexcept
    {
        task(std::move(other)).swap(*this);
        return *this;
    }
    ~task() { static_cast<void>(antpool_task_destroy(handle_)); }

    /** Exchanges two tasks. */
    void swap(task &other) noexcept
    {
        std::swap(handle_, other.handle_);
        std::swap(callable_, other.callable_);
        std::swap(destroy_, other.destroy_);
    }

    /**
     * Waits until the task has ended: antpool_task_wait().
     *
     * @return status::ok, task_failed if it has failed, canceled if it never runs, or why there
     *         was no wait: deadlock inside the task itself, forked, invalid_argument on an empty object.
     */
    status wait() const noexcept { return status(antpool_task_wait(handle_)); }
    /** As wait(), for at most `timeout`; timed_out if that has passed first. */
    template <class Rep, class Period>
    status wait_for(std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_task_wait_timeout(handle_, detail::milliseconds_of(timeout)));
    }

    /**
     * Sees to it that the task never runs, unless it has begun: antpool_task_cancel(). The callable is
     * destroyed then, before this returns.
     *
     * @return false if the task has begun, which sees is_canceled(), or was canceled before.
     */
    bool cancel() noexcept
    {
        if (antpool_task_cancel(handle_) != ANTPOOL_OK)
            return false;
        destroy_(callable_);
        return true;
    }

    /** Whether it has ended: antpool_task_is_done(). */
    [[nodiscard]] bool is_done() const noexcept { return antpool_task_is_done(handle_); }
    /** Whether there is a task behind this object. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    antpool_task_t *handle_ = nullptr;
    void *callable_ = nullptr; // Ours once a cancel has said so.
    void (*destroy_)(void *) = nullptr;
};

// ---- Some tasks ----------------------------------------------------------------------------

namespace detail {

// A callable of a group or a lane, which is called or destroyed without its type being known.
class grouped {
public:
    grouped() = default;
    grouped(const grouped &) = delete;
    grouped &operator=(const grouped &) = delete;
    virtual ~grouped() = default;
    virtual void call() = 0;
};

template <class Task> class grouped_task final : public grouped {
public:
    template <class Callable>
    explicit grouped_task(Callable &&callable) : task_(std::forward<Callable>(callable))
    {
    }
    void call() override { detail::call(task_); }

private:
    Task task_;
};

inline void run_grouped(void *arg)
{
    const std::unique_ptr<grouped> keeper(static_cast<grouped *>(arg));
    keeper->call();
}

inline void discard_grouped(void *arg)
{
    delete static_cast<grouped *>(arg);
}

// Submits a callable as what the two above take.
template <class Callable, class Submit>
status place(Callable &&callable, Submit submit) noexcept(moves_quietly<Callable>)
{
    using task_type = std::decay_t<Callable>;
    static_assert(std::is_invocable_v<task_type>, "a task is called without arguments");
    if (is_empty(callable))
        return status::invalid_argument;
    std::unique_ptr<grouped> keeper(new (std::nothrow)
                                        grouped_task<task_type>(std::forward<Callable>(callable)));
    if (!keeper)
        return status::no_memory;
    const status result = status(submit(keeper.get()));
    if (result == status::ok)
        static_cast<void>(keeper.release());
    return result;
}

} // namespace detail

/**
 * Tasks, of any pools, that are waited for and canceled together: antpool_group_new(). Moved, never copied. Its
 * destructor waits until nothing in it is unfinished; it must not run inside one of its own tasks, where it calls
 * std::terminate(). A callable costs one allocation.
 */
class group {
public:
    /** An empty group. @throws std::system_error with no_memory. */
    group() { detail::require(status(antpool_group_new(&handle_)), "antpool: group"); }
    group(const group &) = delete;
    group &operator=(const group &) = delete;
    /** Takes the group over; on the other object functions say status::invalid_argument. */
    group(group &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /** Ends this group as the destructor does, and takes the other over. */
    group &operator=(group &&other) noexcept
    {
        group(std::move(other)).swap(*this);
        return *this;
    }
    ~group()
    {
        if (handle_ == nullptr)
            return;
        static_cast<void>(antpool_group_wait(handle_));
        if (antpool_group_destroy(handle_) != ANTPOOL_OK)
            std::terminate();
    }

    /** Exchanges two groups. */
    void swap(group &other) noexcept { std::swap(handle_, other.handle_); }

    /**
     * Submits a task to the pool, as pool_operations::submit() does: antpool_group_submit().
     *
     * @throws std::system_error as that, and with canceled; and what copying or moving the callable throws.
     */
    template <class Callable> void submit(const pool_operations &pool, Callable &&callable) const
    {
        detail::require(submit(std::nothrow, pool, std::forward<Callable>(callable)),
                        "antpool: group submit");
    }
    /** As submit(), with the status as its result. Only the callable's own copy or move throws. */
    template <class Callable>
    status submit(std::nothrow_t, const pool_operations &pool, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(std::forward<Callable>(callable), [&](void *arg) {
            return antpool_group_submit(handle_, pool.native_handle(), detail::run_grouped, arg);
        });
    }

    /** As submit(), if there is room now: antpool_try_group_submit(). @return false if the pool is full. */
    template <class Callable>
    [[nodiscard]] bool try_submit(const pool_operations &pool, Callable &&callable) const
    {
        return detail::succeeded(detail::place(std::forward<Callable>(callable),
                                               [&](void *arg) {
                                                   return antpool_try_group_submit(
                                                       handle_, pool.native_handle(),
                                                       detail::run_grouped, arg);
                                               }),
                                 "antpool: group try_submit");
    }

    /** As submit(), waiting for room as pool_operations::submit_for() does. @return false if there was none in time. */
    template <class Rep, class Period, class Callable>
    [[nodiscard]] bool submit_for(const pool_operations &pool,
                                  std::chrono::duration<Rep, Period> timeout,
                                  Callable &&callable) const
    {
        return detail::succeeded(detail::place(std::forward<Callable>(callable),
                                               [&](void *arg) {
                                                   return antpool_group_submit_timeout(
                                                       handle_, pool.native_handle(),
                                                       detail::run_grouped, arg,
                                                       detail::milliseconds_of(timeout));
                                               }),
                                 "antpool: group submit_for");
    }

    /** Adds units of work that is no task: antpool_group_add(). */
    status add(std::int64_t units = 1) const noexcept
    {
        return status(antpool_group_add(handle_, units));
    }
    /** Takes one away: antpool_group_done(). */
    status done() const noexcept { return status(antpool_group_done(handle_)); }

    /**
     * Waits until nothing in the group is unfinished: antpool_group_wait().
     *
     * @return status::ok; task_failed if a task has failed since the last wait that said one of the two; or why there
     *         was no wait: deadlock inside a task of the group, forked, invalid_argument on an empty object.
     */
    status wait() const noexcept { return status(antpool_group_wait(handle_)); }
    /** As wait(), for at most `timeout`; timed_out if that has passed first. */
    template <class Rep, class Period>
    status wait_for(std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_group_wait_timeout(handle_, detail::milliseconds_of(timeout)));
    }

    /**
     * Cancels the group: antpool_group_cancel(). Tasks that have not begun never run; their callables are destroyed
     * on the workers that pass them, and so before a wait() ends. The others see is_canceled().
     */
    status cancel() const noexcept
    {
        return status(antpool_group_cancel(handle_, detail::discard_grouped));
    }

    /** Whether there is a group behind this object. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The handle, for functions of antpool.h. */
    [[nodiscard]] antpool_group_t *native_handle() const noexcept { return handle_; }

private:
    antpool_group_t *handle_ = nullptr;
};

/**
 * Tasks of one pool that begin in the order of their submits, at most a number of them at a time: antpool_lane_new(). With 1
 * it is a serial queue: what only its tasks touch needs no lock. Moved, never copied. Its destructor waits until nothing in
 * it is unfinished; it must not run inside one of its own tasks, where it calls std::terminate(). A callable costs one
 * allocation.
 */
class lane {
public:
    /** An empty lane of the pool, of which `limit` tasks run at a time. @throws std::system_error as antpool_lane_new(). */
    explicit lane(const pool_operations &pool, std::size_t limit = 1)
    {
        detail::require(status(antpool_lane_new(pool.native_handle(), limit, &handle_)),
                        "antpool: lane");
    }
    lane(const lane &) = delete;
    lane &operator=(const lane &) = delete;
    /** Takes the lane over; on the other object functions say status::invalid_argument. */
    lane(lane &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /** Ends this lane as the destructor does, and takes the other over. */
    lane &operator=(lane &&other) noexcept
    {
        lane(std::move(other)).swap(*this);
        return *this;
    }
    ~lane()
    {
        if (handle_ == nullptr)
            return;
        static_cast<void>(antpool_lane_wait(handle_));
        if (antpool_lane_destroy(handle_) != ANTPOOL_OK)
            std::terminate();
    }

    /** Exchanges two lanes. */
    void swap(lane &other) noexcept { std::swap(handle_, other.handle_); }

    /**
     * Submits a task to the lane: antpool_lane_submit().
     *
     * @throws std::system_error as pool_operations::submit() does, and with canceled; and what copying or moving the
     *         callable throws.
     */
    template <class Callable> void submit(Callable &&callable) const
    {
        detail::require(submit(std::nothrow, std::forward<Callable>(callable)),
                        "antpool: lane submit");
    }
    /** As submit(), with the status as its result. Only the callable's own copy or move throws. */
    template <class Callable>
    status submit(std::nothrow_t, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(std::forward<Callable>(callable), [&](void *arg) {
            return antpool_lane_submit(handle_, detail::run_grouped, arg);
        });
    }

    /**
     * As submit(), if that takes no waiting: antpool_try_lane_submit().
     *
     * @return false if fewer tasks of the lane than its limit are unfinished, and the pool is full.
     */
    template <class Callable> [[nodiscard]] bool try_submit(Callable &&callable) const
    {
        return detail::succeeded(detail::place(std::forward<Callable>(callable),
                                               [&](void *arg) {
                                                   return antpool_try_lane_submit(
                                                       handle_, detail::run_grouped, arg);
                                               }),
                                 "antpool: lane try_submit");
    }

    /** As submit(), waiting for room as pool_operations::submit_for() does. @return false if there was none in time. */
    template <class Rep, class Period, class Callable>
    [[nodiscard]] bool submit_for(std::chrono::duration<Rep, Period> timeout,
                                  Callable &&callable) const
    {
        return detail::succeeded(detail::place(std::forward<Callable>(callable),
                                               [&](void *arg) {
                                                   return antpool_lane_submit_timeout(
                                                       handle_, detail::run_grouped, arg,
                                                       detail::milliseconds_of(timeout));
                                               }),
                                 "antpool: lane submit_for");
    }

    /**
     * Waits until nothing in the lane is unfinished: antpool_lane_wait().
     *
     * @return status::ok; task_failed if a task has failed since the last wait that said one of the two; or why there
     *         was no wait: deadlock inside a task of the lane, forked, invalid_argument on an empty object.
     */
    status wait() const noexcept { return status(antpool_lane_wait(handle_)); }
    /** As wait(), for at most `timeout`; timed_out if that has passed first. */
    template <class Rep, class Period>
    status wait_for(std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_lane_wait_timeout(handle_, detail::milliseconds_of(timeout)));
    }

    /** The number of its tasks that run: antpool_lane_running(). */
    [[nodiscard]] std::int64_t running() const noexcept { return antpool_lane_running(handle_); }
    /** The number of its tasks that have not begun: antpool_lane_queued(). */
    [[nodiscard]] std::int64_t queued() const noexcept { return antpool_lane_queued(handle_); }

    /**
     * Cancels the lane: antpool_lane_cancel(). Tasks that have not begun never run; their callables are destroyed
     * on workers, when it is their turn, and so before a wait() ends. The others see is_canceled().
     */
    status cancel() const noexcept
    {
        return status(antpool_lane_cancel(handle_, detail::discard_grouped));
    }

    /** Whether there is a lane behind this object. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The handle, for functions of antpool.h. */
    [[nodiscard]] antpool_lane_t *native_handle() const noexcept { return handle_; }

private:
    antpool_lane_t *handle_ = nullptr;
};

// ---- Results where an event loop wants them ------------------------------------------------

namespace detail {

// What a work leaves for its done.
template <class Result> struct delivery {
    template <class Work> void fill(Work &work) { value.emplace(std::invoke(std::move(work))); }
    template <class Done> void call(Done &done, status how)
    {
        static_cast<void>(std::invoke(std::move(done), how, std::move(value)));
    }
    std::optional<Result> value;
};

template <> struct delivery<void> {
    template <class Work> void fill(Work &work) { std::invoke(std::move(work)); }
    template <class Done> void call(Done &done, status how)
    {
        static_cast<void>(std::invoke(std::move(done), how));
    }
};

// Both callables of a submit, and what goes from one to the other.
template <class Work, class Done> struct completion {
    Work work;
    Done done;
    delivery<std::invoke_result_t<Work>> result{};

    static void run(void *arg)
    {
        detail::guarded([arg] {
            auto &self = *static_cast<completion *>(arg);
            self.result.fill(self.work);
        });
    }
    static void deliver(void *arg, antpool_status_t how)
    {
        const std::unique_ptr<completion> self(static_cast<completion *>(arg));
        self->result.call(self->done, status(how));
    }
};

} // namespace detail

/** In which order results are dispatched. */
enum class delivery_order : std::uint32_t {
    as_they_come = 0,
    of_the_submits = ANTPOOL_ORDERED,
};

/**
 * Results of tasks, on their way to the thread that dispatches them: antpool_completions_new(). Moved, never copied. Its
 * destructor dispatches what is outstanding, and waits for it; an exception that leaves a `done` there ends the
 * program, as does a destructor inside a `done` of its own.
 */
class completions {
public:
    /** Without results. @throws std::system_error with no_memory. */
    explicit completions(delivery_order order = delivery_order::as_they_come)
    {
        detail::require(
            status(antpool_completions_new(static_cast<std::uint32_t>(order), &handle_)),
            "antpool: completions");
    }
    completions(const completions &) = delete;
    completions &operator=(const completions &) = delete;
    /** Takes them over; on the other object functions say status::invalid_argument. */
    completions(completions &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /** Ends these as the destructor does, and takes the others over. */
    completions &operator=(completions &&other) noexcept
    {
        completions(std::move(other)).swap(*this);
        return *this;
    }
    ~completions()
    {
        if (handle_ == nullptr)
            return;
        while (wait() == status::ok)
            static_cast<void>(antpool_completions_dispatch(handle_, 0));
        if (antpool_completions_destroy(handle_) != ANTPOOL_OK)
            std::terminate();
    }

    /** Exchanges two of them. */
    void swap(completions &other) noexcept { std::swap(handle_, other.handle_); }

    /** Readable while there is something to dispatch: antpool_completions_fd(). Only to be waited for. */
    [[nodiscard]] int fd() const noexcept { return antpool_completions_fd(handle_); }

    /**
     * Submits a task, as pool_operations::submit() does: antpool_completions_submit(). On a worker `work()` is called; later
     * dispatch() calls `done(status)` or, if work returns something, `done(status, std::optional<Result>)`, which
     * is empty unless the status is ok. Both are destroyed on the thread that dispatches. It takes two allocations.
     *
     * @throws std::system_error as that; and what copying or moving the callables throws.
     */
    template <class Work, class Done>
    void submit(const pool_operations &pool, Work &&work, Done &&done) const
    {
        detail::require(
            submit(std::nothrow, pool, std::forward<Work>(work), std::forward<Done>(done)),
            "antpool: completions submit");
    }
    /** As submit(), with the status as its result. Only the callables' own copies or moves throw. */
    template <class Work, class Done>
    status submit(std::nothrow_t, const pool_operations &pool, Work &&work, Done &&done) const
    {
        return place(antpool_completions_submit, pool, std::forward<Work>(work),
                     std::forward<Done>(done));
    }

    /** As submit(), if there is room now. @return false if the pool is full. */
    template <class Work, class Done>
    [[nodiscard]] bool try_submit(const pool_operations &pool, Work &&work, Done &&done) const
    {
        return detail::succeeded(place(antpool_try_completions_submit, pool,
                                       std::forward<Work>(work), std::forward<Done>(done)),
                                 "antpool: completions try_submit");
    }

    /** As submit(), waiting for room as pool_operations::submit_for() does. @return false if there was none in time. */
    template <class Rep, class Period, class Work, class Done>
    [[nodiscard]] bool submit_for(const pool_operations &pool,
                                  std::chrono::duration<Rep, Period> timeout, Work &&work,
                                  Done &&done) const
    {
        const auto with_limit = [timeout](auto... args) {
            return antpool_completions_submit_timeout(args..., detail::milliseconds_of(timeout));
        };
        return detail::succeeded(
            place(with_limit, pool, std::forward<Work>(work), std::forward<Done>(done)),
            "antpool: completions submit_for");
    }

    /** Calls the `done` of what is there, at most `max`, all for 0: antpool_completions_dispatch(). @return how many. */
    std::size_t dispatch(std::size_t max = 0) const
    {
        return antpool_completions_dispatch(handle_, max);
    }

    /** Waits until there is something to dispatch: antpool_completions_wait(). @return ok, closed if nothing is outstanding. */
    status wait() const noexcept
    {
        return status(antpool_completions_wait(handle_, ANTPOOL_WAIT_FOREVER));
    }
    /** As wait(), for at most as long as it is told; timed_out if the time has passed first. */
    template <class Rep, class Period>
    status wait_for(std::chrono::duration<Rep, Period> timeout) const noexcept
    {
        return status(antpool_completions_wait(handle_, detail::milliseconds_of(timeout)));
    }

    /** Whether there is something behind this object. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The handle, for functions of antpool.h. */
    [[nodiscard]] antpool_completions_t *native_handle() const noexcept { return handle_; }

private:
    template <class Submit, class Work, class Done>
    status place(Submit submit, const pool_operations &pool, Work &&work, Done &&done) const
    {
        using kept_type = detail::completion<std::decay_t<Work>, std::decay_t<Done>>;
        if (detail::is_empty(work) || detail::is_empty(done))
            return status::invalid_argument;
        std::unique_ptr<kept_type> keeper(
            new (std::nothrow) kept_type{std::decay_t<Work>(std::forward<Work>(work)),
                                         std::decay_t<Done>(std::forward<Done>(done))});
        if (!keeper)
            return status::no_memory;
        const status result = status(submit(handle_, pool.native_handle(), kept_type::run,
                                            kept_type::deliver, keeper.get()));
        if (result == status::ok)
            static_cast<void>(keeper.release());
        return result;
    }

    antpool_completions_t *handle_ = nullptr;
};

/** Inside a task: whether it has been asked to stop: antpool_is_canceled(). */
[[nodiscard]] inline bool is_canceled() noexcept
{
    return antpool_is_canceled();
}

/** What a worker is: antpool_worker_kind_t. */
enum class worker_kind : std::uint32_t {
    thread = ANTPOOL_WORKER_THREAD,
    fiber = ANTPOOL_WORKER_FIBER,
};

/** How much a line of the log matters: antpool_log_level_t. */
enum class log_level : int {
    error = ANTPOOL_LOG_ERROR,
    warning = ANTPOOL_LOG_WARNING,
    info = ANTPOOL_LOG_INFO,
};

/** A task that failed, as options::panic_handler sees it. */
struct panic_info {
    pool_view pool; /**< The pool it ran on. */
    /** Its function. That of a callable is this header's own, one for each type. */
    antpool_task_fn fn;
    /** Its argument; for antpool_submit_copy() the worker's copy. That of a callable is gone. */
    void *arg;
    std::string_view message; /**< What went wrong; ends with a NUL, valid during the call. */
};

/**
 * How a pool is to behave: antpool_options_t. What is left alone has the default.
 *
 *     antpool::pool pool(8, {.expiry = 5s, .queue_capacity = 100, .name = "resize"});   // C++20
 *
 * The functions are kept by the pool, and destroyed after its last worker has exited. They are
 * called on workers, by several at once, and may do what a task may; an exception that leaves one
 * is logged.
 */
struct options {
    /** An idle worker exits after this long without a task. 0 means one second. */
    std::chrono::milliseconds expiry{0};
    /** Idle workers stay for ever. */
    bool disable_purge = false;
    /** Allocate all bookkeeping at once; such a pool cannot be tuned. */
    bool pre_alloc = false;
    /** submit() to a full pool says overload instead of waiting. */
    bool nonblocking = false;
    /** Without a panic handler: a failed task is logged, then the process is aborted. */
    bool abort_on_panic = false;
    /** What a worker is. */
    worker_kind worker = worker_kind::thread;
    /** How many callers may wait to submit at one time; 0 means any number. */
    std::size_t max_blocking_tasks = 0;
    /** How many tasks are accepted beyond the capacity, to wait for a worker; or unbounded. */
    std::size_t queue_capacity = 0;
    /** Workers that are started with the pool and never expire. */
    std::size_t min_workers = 0;
    /** Fibers only: threads that run them; 0 means as many as there are usable CPUs. */
    std::size_t carriers = 0;
    /** Fibers only: threads for blocking calls; 0 means 512. */
    std::size_t max_block_threads = 0;
    /** Bytes of stack of each worker; 0 means the default of its kind. */
    std::size_t stack_size = 0;
    /** Names the pool in logs and its threads in debuggers; empty means "antpool". */
    std::string name{};
    /** The only CPUs that workers run on; empty means those of the process. */
    std::vector<std::uint32_t> cpus{};
    /** Added to the nice value of the thread that makes the pool. */
    std::int32_t nice_increment = 0;
    /** Called once for each failed task, as the end of that task. Without: a line of the log. */
    std::function<void(const panic_info &)> panic_handler{};
    /** Called with each line of the log, which is valid during the call. Without: stderr. */
    std::function<void(log_level, std::string_view)> logger{};
    /** Called on each worker's thread before its first task, with the worker's index. */
    std::function<void(pool_view, std::size_t)> on_worker_start{};
    /** Called on each worker's thread after its last task, with the worker's index. */
    std::function<void(pool_view, std::size_t)> on_worker_stop{};
};

/// @cond
namespace detail {

inline void on_panic(void *data, const antpool_panic_info_t *info)
{
    const auto &handler = static_cast<const options *>(data)->panic_handler;
    detail::guarded([&] {
        handler(panic_info{pool_view(info->pool), info->fn, info->arg, info->message});
    });
}

inline void on_line(void *data, antpool_log_level_t level, const char *message)
{
    const auto &logger = static_cast<const options *>(data)->logger;
    detail::guarded([&] { logger(static_cast<log_level>(level), message); });
}

template <std::function<void(pool_view, std::size_t)> options::*hook>
void on_worker(void *data, antpool_t *pool, std::size_t index)
{
    detail::guarded([&] { (static_cast<const options *>(data)->*hook)(pool_view(pool), index); });
}

// The functions among the options are called through a pointer to them.
inline antpool_options_t options_for_c(options &from) noexcept
{
    antpool_options_t to = ANTPOOL_OPTIONS_INIT;
    to.expiry_ms = static_cast<std::int64_t>(from.expiry.count());
    to.disable_purge = from.disable_purge;
    to.pre_alloc = from.pre_alloc;
    to.nonblocking = from.nonblocking;
    to.abort_on_panic = from.abort_on_panic;
    to.worker_kind = static_cast<std::uint32_t>(from.worker);
    to.max_blocking_tasks = from.max_blocking_tasks;
    to.queue_capacity = from.queue_capacity;
    to.min_workers = from.min_workers;
    to.carriers = from.carriers;
    to.max_block_threads = from.max_block_threads;
    to.stack_size = from.stack_size;
    to.name = from.name.empty() ? nullptr : from.name.c_str();
    to.cpus = from.cpus.data();
    to.cpu_count = from.cpus.size();
    to.nice_increment = from.nice_increment;
    to.panic_handler = from.panic_handler ? on_panic : nullptr;
    to.logger = from.logger ? on_line : nullptr;
    to.on_worker_start = from.on_worker_start ? on_worker<&options::on_worker_start> : nullptr;
    to.on_worker_stop = from.on_worker_stop ? on_worker<&options::on_worker_stop> : nullptr;
    to.panic_data = to.logger_data = to.worker_data = &from;
    return to;
}

} // namespace detail
/// @endcond

/** A pool whose owner has given it up: see pool::detach(). */
struct detached_pool {
    antpool_t *handle = nullptr;     /**< To be ended with antpool_destroy(). */
    std::unique_ptr<options> kept{}; /**< What the pool calls; to be kept until then. */
};

/**
 * A pool and its end: the destructor closes it and waits until every accepted task has run and
 * every worker has exited. Moved, never copied.
 *
 * What changes the object itself (moving, swap(), open(), close(), detach()) is for one thread, and
 * for no time at which another thread uses it; close() and the destructor allow for the tasks that
 * they wait for.
 *
 * The destructor must not run inside one of the pool's own tasks, where it could only wait for
 * itself: it writes a line to stderr and calls std::terminate(). Give tasks a pool_view, or a
 * reference, rather than a share in the ownership; where a task may be the last owner, call
 * close() elsewhere first.
 */
class pool : public pool_operations {
public:
    /** No pool; see open(). */
    pool() = default;
    /** As open(). */
    explicit pool(std::int64_t capacity, options how = {}) { open(capacity, std::move(how)); }
    /** Takes over what detach() gave up, or a handle made by C calls: `pool({handle})`. */
    explicit pool(detached_pool other) noexcept
        : pool_operations(other.handle), options_(std::move(other.kept))
    {
    }
    /** Takes the other's pool, and leaves it empty. */
    pool(pool &&other) noexcept
        : pool_operations(std::exchange(other.handle_, nullptr)),
          options_(std::move(other.options_))
    {
    }
    /** Ends the pool that it has, as the destructor does; then takes the other's. */
    pool &operator=(pool &&other) noexcept
    {
        pool(std::move(other)).swap(*this);
        return *this;
    }
    /** Ends the pool, as close() does, or the process: see above. */
    ~pool()
    {
        const status result = close(std::nothrow);
        if (result != status::ok) {
            std::fprintf(stderr, "antpool: the destructor of a pool: %s\n", status_message(result));
            std::terminate();
        }
    }

    /**
     * Makes the pool of an empty object: antpool_new(). No thread is started, but
     * options::min_workers.
     *
     * @param capacity the most workers, 1 to ANTPOOL_CAPACITY_MAX, or unlimited.
     * @param how how it is to behave.
     * @throws std::system_error as antpool_new() says, or invalid_argument if the object has a
     *         pool already. Nothing has happened then.
     */
    void open(std::int64_t capacity, options how = {})
    {
        detail::require(open(std::nothrow, capacity, std::move(how)), "antpool: open");
    }
    /** As open(), with the status as its result. */
    status open(std::nothrow_t, std::int64_t capacity, options how = {}) noexcept
    {
        if (handle_ != nullptr)
            return status::invalid_argument;
        std::unique_ptr<options> kept(new (std::nothrow) options(std::move(how)));
        if (!kept)
            return status::no_memory;
        const antpool_options_t native = detail::options_for_c(*kept);
        const status result = status(antpool_new(capacity, &native, &handle_));
        if (result == status::ok)
            options_ = std::move(kept);
        return result;
    }

    /**
     * Ends the pool and leaves the object empty: antpool_destroy(). Waits until every accepted
     * task has run and every worker has exited; blocked calls on the pool return first. Other
     * threads than its tasks must not begin a call on it any more. Nothing on an empty object.
     *
     * @throws std::system_error with deadlock from inside a task of this pool; nothing was done.
     */
    void close() { detail::require(close(std::nothrow), "antpool: close"); }
    /** As close(), with the status as its result. */
    status close(std::nothrow_t) noexcept
    {
        // The tasks may use this object until the library has waited for them.
        const status result = status(antpool_destroy(handle_));
        if (result == status::ok) {
            handle_ = nullptr;
            options_.reset();
        }
        return result;
    }

    /** Gives the pool up, open and working as it is, and leaves the object empty. */
    [[nodiscard]] detached_pool detach() noexcept
    {
        return {std::exchange(handle_, nullptr), std::move(options_)};
    }

    /** Exchanges two pools. */
    void swap(pool &other) noexcept
    {
        std::swap(handle_, other.handle_);
        options_.swap(other.options_);
    }
    /** Exchanges two pools. */
    friend void swap(pool &left, pool &right) noexcept { left.swap(right); }

private:
    std::unique_ptr<options> options_; // The library calls the functions in it.
};

/** How a multi_pool chooses the pool of a task. */
enum class strategy : std::uint32_t {
    round_robin = ANTPOOL_ROUND_ROBIN, /**< One after the other. */
    least_tasks = ANTPOOL_LEAST_TASKS, /**< The one with the fewest unfinished tasks. */
};

/// @cond
namespace detail {

// The three kinds of submitting to several pools, which have no submit that copies.
struct waiting_for_any {
    static constexpr bool copies = false;
    antpool_status_t plain(antpool_multi_t *multi, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_multi_submit(multi, fn, arg);
    }
};

struct trying_all {
    static constexpr bool copies = false;
    antpool_status_t plain(antpool_multi_t *multi, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_try_multi_submit(multi, fn, arg);
    }
};

struct waiting_for_any_until {
    static constexpr bool copies = false;
    std::uint64_t timeout_ms;
    antpool_status_t plain(antpool_multi_t *multi, antpool_task_fn fn, void *arg) const noexcept
    {
        return antpool_multi_submit_timeout(multi, fn, arg, timeout_ms);
    }
};

} // namespace detail
/// @endcond

/**
 * Several pools behind one handle, with the same options: antpool_multi_new(). Neither moved nor copied. Its
 * destructor ends them as that of a pool does, and as that one it must not run inside one of their tasks.
 */
class multi_pool {
public:
    /**
     * Makes `pools` pools of `capacity_each` workers at most.
     *
     * @throws std::system_error as antpool_multi_new() says.
     */
    multi_pool(std::size_t pools, std::int64_t capacity_each,
               strategy choice = strategy::round_robin, options how = {})
        : options_(std::move(how))
    {
        const antpool_options_t native = detail::options_for_c(options_);
        detail::require(
            status(antpool_multi_new(pools, capacity_each, static_cast<std::uint32_t>(choice),
                                     &native, &handle_)),
            "antpool: multi_pool");
    }
    multi_pool(const multi_pool &) = delete;
    multi_pool &operator=(const multi_pool &) = delete;
    ~multi_pool()
    {
        const status result = status(antpool_multi_destroy(handle_));
        if (result != status::ok) {
            std::fprintf(stderr, "antpool: the destructor of a multi_pool: %s\n",
                         status_message(result));
            std::terminate();
        }
    }

    /** As pool_operations::submit(): antpool_multi_submit(). */
    template <class Callable> void submit(Callable &&callable) const
    {
        detail::require(submit(std::nothrow, std::forward<Callable>(callable)),
                        "antpool: multi_pool submit");
    }
    /** As submit(), with the status as its result. Only the callable's own copy or move throws. */
    template <class Callable>
    status submit(std::nothrow_t, Callable &&callable) const
        noexcept(detail::moves_quietly<Callable>)
    {
        return detail::place(detail::waiting_for_any{}, handle_, std::forward<Callable>(callable));
    }
    /** As submit(), if one of them has room now. @return false if all are full. */
    template <class Callable> [[nodiscard]] bool try_submit(Callable &&callable) const
    {
        return detail::succeeded(
            detail::place(detail::trying_all{}, handle_, std::forward<Callable>(callable)),
            "antpool: multi_pool try_submit");
    }
    /** As submit(), waiting for room for at most `timeout`. @return false if there was none in time. */
    template <class Rep, class Period, class Callable>
    [[nodiscard]] bool submit_for(std::chrono::duration<Rep, Period> timeout,
                                  Callable &&callable) const
    {
        const detail::waiting_for_any_until how{detail::milliseconds_of(timeout)};
        return detail::succeeded(detail::place(how, handle_, std::forward<Callable>(callable)),
                                 "antpool: multi_pool submit_for");
    }

    /** Waits until no pool has an unfinished task: antpool_multi_wait(). */
    void wait() const
    {
        detail::require(status(antpool_multi_wait(handle_)), "antpool: multi_pool wait");
    }
    /** As wait(), for at most `timeout`. @return false if that has passed first. */
    template <class Rep, class Period>
    [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> timeout) const
    {
        return detail::succeeded(
            status(antpool_multi_wait_timeout(handle_, detail::milliseconds_of(timeout))),
            "antpool: multi_pool wait_for");
    }
    /** Changes the capacity of each pool: antpool_multi_tune(). */
    void tune(std::int64_t capacity_each) const
    {
        detail::require(status(antpool_multi_tune(handle_, capacity_each)),
                        "antpool: multi_pool tune");
    }
    /** Closes the pools: antpool_multi_release(). */
    void release() const
    {
        detail::require(status(antpool_multi_release(handle_)), "antpool: multi_pool release");
    }
    /** Opens them again: antpool_multi_reboot(). */
    void reboot() const
    {
        detail::require(status(antpool_multi_reboot(handle_)), "antpool: multi_pool reboot");
    }

    /** Of all pools together: antpool_multi_capacity(). */
    [[nodiscard]] std::int64_t capacity() const noexcept { return antpool_multi_capacity(handle_); }
    /** Of all pools together: antpool_multi_running(). */
    [[nodiscard]] std::int64_t running() const noexcept { return antpool_multi_running(handle_); }
    /** Of all pools together: antpool_multi_available(). */
    [[nodiscard]] std::int64_t available() const noexcept
    {
        return antpool_multi_available(handle_);
    }
    /** Of all pools together: antpool_multi_waiting(). */
    [[nodiscard]] std::int64_t waiting() const noexcept { return antpool_multi_waiting(handle_); }
    /** Whether they are closed: antpool_multi_is_closed(). */
    [[nodiscard]] bool is_closed() const noexcept { return antpool_multi_is_closed(handle_); }
    /** The handle, for functions of antpool.h. */
    [[nodiscard]] antpool_multi_t *native_handle() const noexcept { return handle_; }

private:
    options options_; // The library calls the functions in it.
    antpool_multi_t *handle_ = nullptr;
};

/**
 * A mutex whose waiters suspend: antpool_mutex_t. It is a Lockable and a TimedLockable of the standard, so that
 * std::lock_guard, std::unique_lock and std::scoped_lock take it. Its owner is a fiber or a thread. Neither copied nor moved.
 */
class mutex {
public:
    /** Nobody has it. */
    constexpr mutex() noexcept = default;
    mutex(const mutex &) = delete;
    mutex &operator=(const mutex &) = delete;

    /** Waits for it: antpool_mutex_lock(). @throws std::system_error with deadlock, forked. */
    void lock() { detail::require(status(antpool_mutex_lock(&handle_)), "antpool: mutex lock"); }
    /** Takes it if nobody has it: antpool_mutex_trylock(). @return false also if the caller has it. */
    [[nodiscard]] bool try_lock() noexcept { return antpool_mutex_trylock(&handle_) == ANTPOOL_OK; }
    /** Waits for at most this long: antpool_mutex_lock_timeout(). @throws as lock(). */
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout)
    {
        return detail::succeeded(
            status(antpool_mutex_lock_timeout(&handle_, detail::milliseconds_of(timeout))),
            "antpool: mutex try_lock_for");
    }
    /** Waits until then at most. @throws as lock(). */
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> end)
    {
        do {
            if (try_lock_for(end - Clock::now()))
                return true;
        } while (Clock::now() < end); // The clocks may differ.
        return false;
    }
    /** Gives it back: antpool_mutex_unlock(). A caller that does not have it changes nothing. */
    void unlock() noexcept { static_cast<void>(antpool_mutex_unlock(&handle_)); }
    /** The mutex, for functions of antpool.h. */
    [[nodiscard]] antpool_mutex_t *native_handle() noexcept { return &handle_; }

private:
    antpool_mutex_t handle_ = ANTPOOL_MUTEX_INIT;
};

/** A condition whose waiters suspend: antpool_cond_t. Used with std::unique_lock of a mutex. Neither copied nor moved. */
class condition {
public:
    /** Nobody waits. */
    constexpr condition() noexcept = default;
    condition(const condition &) = delete;
    condition &operator=(const condition &) = delete;

    /** Ends the wait that has begun first: antpool_cond_signal(). */
    void notify_one() noexcept { static_cast<void>(antpool_cond_signal(&handle_)); }
    /** Ends every wait that has begun: antpool_cond_broadcast(). */
    void notify_all() noexcept { static_cast<void>(antpool_cond_broadcast(&handle_)); }

    /** Waits for a notification: antpool_cond_wait(). @throws std::system_error with invalid_argument, forked. */
    template <class Lock> void wait(Lock &lock)
    {
        detail::require(status(antpool_cond_wait(&handle_, lock.mutex()->native_handle())),
                        "antpool: condition wait");
    }
    /** Waits until `holds()` is true. @throws as wait(lock), and what holds() throws. */
    template <class Lock, class Predicate> void wait(Lock &lock, Predicate holds)
    {
        while (!holds())
            wait(lock);
    }
    /**
     * Waits for at most this long: antpool_cond_wait_timeout().
     *
     * @return false if the time has passed without a notification. @throws as wait(lock).
     */
    template <class Lock, class Rep, class Period>
    [[nodiscard]] bool wait_for(Lock &lock, std::chrono::duration<Rep, Period> timeout)
    {
        return detail::succeeded(
            status(antpool_cond_wait_timeout(&handle_, lock.mutex()->native_handle(),
                                             detail::milliseconds_of(timeout))),
            "antpool: condition wait_for");
    }
    /** The condition, for functions of antpool.h. */
    [[nodiscard]] antpool_cond_t *native_handle() noexcept { return &handle_; }

private:
    antpool_cond_t handle_ = ANTPOOL_COND_INIT;
};

/** A semaphore whose waiters suspend: antpool_sem_t, with the names of std::counting_semaphore. Neither copied nor moved. */
class semaphore {
public:
    /** With that many units, at most ANTPOOL_SEM_MAX. */
    constexpr explicit semaphore(std::size_t units) noexcept : handle_ ANTPOOL_SEM_INIT(units) {}
    semaphore(const semaphore &) = delete;
    semaphore &operator=(const semaphore &) = delete;

    /** Adds units: antpool_sem_post(). @throws std::system_error with invalid_argument, forked. */
    void release(std::size_t units = 1)
    {
        detail::require(status(antpool_sem_post(&handle_, units)), "antpool: semaphore release");
    }
    /** Takes one, and waits for it: antpool_sem_wait(). @throws std::system_error with forked. */
    void acquire()
    {
        detail::require(status(antpool_sem_wait(&handle_)), "antpool: semaphore acquire");
    }
    /** Takes one if there is one: antpool_sem_trywait(). */
    [[nodiscard]] bool try_acquire() noexcept
    {
        return antpool_sem_trywait(&handle_) == ANTPOOL_OK;
    }
    /** Waits for at most this long: antpool_sem_wait_timeout(). @throws as acquire(). */
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(std::chrono::duration<Rep, Period> timeout)
    {
        return detail::succeeded(
            status(antpool_sem_wait_timeout(&handle_, detail::milliseconds_of(timeout))),
            "antpool: semaphore try_acquire_for");
    }
    /** The semaphore, for functions of antpool.h. */
    [[nodiscard]] antpool_sem_t *native_handle() noexcept { return &handle_; }

private:
    antpool_sem_t handle_;
};

/**
 * A bounded channel of values between fibers and threads: antpool_chan_t. A value costs an allocation, which its receiver
 * frees; what nobody has received is destroyed with the channel. Neither copied nor moved.
 */
template <class Value> class channel {
public:
    /** With room for that many values; with 0 each send waits for its receiver. @throws std::system_error with no_memory. */
    explicit channel(std::size_t capacity)
    {
        detail::require(status(antpool_chan_new(capacity, &handle_)), "antpool: channel");
    }
    channel(const channel &) = delete;
    channel &operator=(const channel &) = delete;
    /** Nobody may use it any more: if somebody waits, this calls std::terminate(). */
    ~channel()
    {
        void *left = nullptr;
        while (antpool_try_chan_recv(handle_, &left) == ANTPOOL_OK)
            delete static_cast<Value *>(left);
        if (antpool_chan_destroy(handle_) != ANTPOOL_OK)
            std::terminate();
    }

    /** Sends it, and waits for room: antpool_chan_send(). @throws std::system_error with closed, forked. */
    void send(Value value)
    {
        detail::require(give(std::move(value),
                             [this](void *given) { return antpool_chan_send(handle_, given); }),
                        "antpool: channel send");
    }
    /** Sends it if that needs no waiting: antpool_try_chan_send(). @throws as send(). */
    [[nodiscard]] bool try_send(Value value)
    {
        return detail::succeeded(
            give(std::move(value),
                 [this](void *given) { return antpool_try_chan_send(handle_, given); }),
            "antpool: channel try_send");
    }
    /** Waits for at most this long: antpool_chan_send_timeout(). @throws as send(). */
    template <class Rep, class Period>
    [[nodiscard]] bool send_for(std::chrono::duration<Rep, Period> timeout, Value value)
    {
        return detail::succeeded(give(std::move(value),
                                      [this, timeout](void *given) {
                                          return antpool_chan_send_timeout(
                                              handle_, given, detail::milliseconds_of(timeout));
                                      }),
                                 "antpool: channel send_for");
    }

    /** Waits for the oldest value: antpool_chan_recv(). @return nothing once it is closed and empty. @throws forked. */
    [[nodiscard]] std::optional<Value> receive()
    {
        return take([this](void **got) { return antpool_chan_recv(handle_, got); });
    }
    /** Takes the oldest value if there is one: antpool_try_chan_recv(). @throws as receive(). */
    [[nodiscard]] std::optional<Value> try_receive()
    {
        return take([this](void **got) { return antpool_try_chan_recv(handle_, got); });
    }
    /** Waits for at most this long: antpool_chan_recv_timeout(). @throws as receive(). */
    template <class Rep, class Period>
    [[nodiscard]] std::optional<Value> receive_for(std::chrono::duration<Rep, Period> timeout)
    {
        return take([this, timeout](void **got) {
            return antpool_chan_recv_timeout(handle_, got, detail::milliseconds_of(timeout));
        });
    }

    /** Nothing more is sent: antpool_chan_close(). */
    void close() noexcept { static_cast<void>(antpool_chan_close(handle_)); }
    /** The channel, for functions of antpool.h. Its values are pointers to what `new` has made. */
    [[nodiscard]] antpool_chan_t *native_handle() noexcept { return handle_; }

private:
    template <class Send> static status give(Value &&value, Send send)
    {
        auto kept = std::make_unique<Value>(std::move(value));
        const status result = status(send(kept.get()));
        if (result == status::ok)
            static_cast<void>(kept.release());
        return result;
    }
    template <class Receive> static std::optional<Value> take(Receive receive)
    {
        void *got = nullptr;
        const status result = status(receive(&got));
        if (result == status::closed || !detail::succeeded(result, "antpool: channel receive"))
            return std::nullopt;
        const std::unique_ptr<Value> kept(static_cast<Value *>(got));
        return std::optional<Value>(std::move(*kept));
    }

    antpool_chan_t *handle_ = nullptr;
};

} // inline namespace
} // namespace antpool

/// @cond
template <> struct std::is_error_code_enum<antpool::status> : std::true_type {
};
/// @endcond

#undef ANTPOOL_HPP_VARIANT

#endif
