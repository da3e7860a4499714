// C++ exceptions on fibers: thrown, caught and in flight while the other fibers do the same.
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

#include <exception>
#include <stdexcept>
#include <string>

namespace {

constexpr long FIBERS = 100;

// Lets the other fibers go on in the middle of what this one does, now one way, now the other.
void be_put_aside(long turn)
{
    if (turn % 3 == 0)
        antpool_sleep_us(static_cast<uint64_t>(turn % 7) * 100);
    else
        antpool_yield();
}

std::string text_of(long player, long round)
{
    return "player " + std::to_string(player) + ", round " + std::to_string(round);
}

std::string text_in_flight()
{
    try {
        std::rethrow_exception(std::current_exception());
    } catch (const std::exception &current) {
        return current.what();
    }
}

struct Player {
    long number, rounds;
};

// Runs the task on many fibers of one carrier; the stats of the pool afterwards.
antpool_stats_t run_many(antpool_task_fn task, antpool_options_t options)
{
    Player players[FIBERS];
    options.carriers = 1;
    antpool_t *pool = spec_pool(FIBERS, &options);
    for (long i = 0; i < FIBERS; i++)
        players[i] = {i, 0};
    SUBMIT_EACH(pool, task, players, FIBERS);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.completed, FIBERS);
    CHECK_EQ(stats.lost, 0);
    spec_destroy(pool);
    return stats;
}

// The same, where every task has to come to the end of its rounds by itself.
template <void (*round_of)(long player, long round)> void play(void *arg)
{
    auto *player = static_cast<Player *>(arg);
    const auto rounds = static_cast<long>(spec_rounds(40));
    for (long round = 0; round < rounds; round++) {
        CHECK_EQ(std::uncaught_exceptions(), 0);
        CHECK(std::current_exception() == nullptr);
        round_of(player->number, round);
        player->rounds++;
        be_put_aside(player->number + round);
    }
    CHECK_EQ(player->rounds, rounds);
}

template <void (*round_of)(long player, long round)> void play_on_many()
{
    CHECK_EQ(run_many(play<round_of>, spec_options()).panicked, 0);
}

// ---- Thrown and caught --------------------------------------------------------------------------

void throw_after_a_while(long player, long round)
{
    be_put_aside(player + round);
    throw std::runtime_error(text_of(player, round));
}

void catch_from_below(long player, long round)
{
    try {
        throw_after_a_while(player, round);
        CHECK(false);
    } catch (const std::exception &caught) {
        CHECK_TEXT(caught.what(), text_of(player, round).c_str());
    }
}

} // namespace

SPEC(each_of_many_tasks_catches_its_own_exceptions)
{
    play_on_many<catch_from_below>();
}

// ---- In flight ----------------------------------------------------------------------------------

namespace {

void wait_while_catching(long player, long round)
{
    const std::string text = text_of(player, round);
    try {
        throw std::runtime_error(text);
    } catch (const std::exception &caught) {
        for (int turn = 0; turn < 3; turn++) {
            be_put_aside(player + turn);
            CHECK_TEXT(caught.what(), text.c_str());
            CHECK_TEXT(text_in_flight().c_str(), text.c_str());
            CHECK_EQ(std::uncaught_exceptions(), 0);
        }
    }
}

void wait_and_throw_again(long player, long round)
{
    try {
        try {
            throw std::runtime_error(text_of(player, round));
        } catch (...) {
            be_put_aside(player + round);
            throw;
        }
    } catch (const std::runtime_error &caught) {
        be_put_aside(player + round + 1);
        CHECK_TEXT(caught.what(), text_of(player, round).c_str());
    }
}

// An exception inside the handler of another, and so on.
template <int depth> void nest(long player, long round)
{
    const std::string text = text_of(player, round) + ", depth " + std::to_string(depth);
    try {
        throw std::runtime_error(text);
    } catch (const std::exception &caught) {
        be_put_aside(player + depth);
        if constexpr (depth < 4)
            nest<depth + 1>(player, round);
        be_put_aside(player + round);
        CHECK_TEXT(caught.what(), text.c_str());
        CHECK_TEXT(text_in_flight().c_str(), text.c_str());
    }
}

void carry_away(long player, long round)
{
    std::exception_ptr kept;
    try {
        throw std::runtime_error(text_of(player, round));
    } catch (...) {
        kept = std::current_exception();
        be_put_aside(player);
    }
    be_put_aside(player + 1);
    CHECK(std::current_exception() == nullptr);
    try {
        std::rethrow_exception(kept);
    } catch (const std::exception &caught) {
        CHECK_TEXT(caught.what(), text_of(player, round).c_str());
    }
}

} // namespace

SPEC(a_task_that_waits_in_a_catch_block_still_has_its_exception)
{
    play_on_many<wait_while_catching>();
}

SPEC(an_exception_can_be_thrown_again_after_a_wait)
{
    play_on_many<wait_and_throw_again>();
}

SPEC(exceptions_inside_the_handlers_of_others_are_each_tasks_own)
{
    play_on_many<nest<0>>();
}

SPEC(an_exception_can_be_kept_across_waits)
{
    play_on_many<carry_away>();
}

// ---- While unwinding ----------------------------------------------------------------------------

namespace {

// Waits in its destructor, and expects as many exceptions on their way as there were, and one.
struct Waits {
    long player, round;
    int before = std::uncaught_exceptions();

    ~Waits()
    {
        for (int turn = 0; turn < 3; turn++) {
            CHECK_EQ(std::uncaught_exceptions(), before + 1);
            be_put_aside(player + round + turn);
        }
        CHECK_EQ(std::uncaught_exceptions(), before + 1);
    }
};

// Throws and catches in its destructor, too.
struct ThrowsInside {
    long player, round;

    ~ThrowsInside()
    {
        CHECK_EQ(std::uncaught_exceptions(), 1);
        try {
            Waits waits{player, round};
            throw std::logic_error("inside " + text_of(player, round));
        } catch (const std::logic_error &caught) {
            be_put_aside(player + round);
            CHECK_TEXT(caught.what(), ("inside " + text_of(player, round)).c_str());
        }
        CHECK_EQ(std::uncaught_exceptions(), 1);
    }
};

template <typename Witness> void unwind_past(long player, long round)
{
    try {
        Witness witness{player, round};
        throw std::runtime_error(text_of(player, round));
    } catch (const std::exception &caught) {
        CHECK_TEXT(caught.what(), text_of(player, round).c_str());
    }
}

} // namespace

SPEC(a_destructor_may_wait_while_an_exception_unwinds)
{
    play_on_many<unwind_past<Waits>>();
}

SPEC(a_destructor_may_throw_catch_and_wait_while_an_exception_unwinds)
{
    play_on_many<unwind_past<ThrowsInside>>();
}

// ---- Out of the task ----------------------------------------------------------------------------

namespace {

template <bool waits_while_unwinding> void leave_by_exception(void *arg)
{
    const long player = static_cast<Player *>(arg)->number;
    struct Guard {
        long turn;
        ~Guard()
        {
            if (waits_while_unwinding)
                be_put_aside(turn);
        }
    } guard{player};
    be_put_aside(player);
    try {
        throw std::runtime_error(text_of(player, 0));
    } catch (...) {
        be_put_aside(player + 1);
        throw;
    }
}

void throw_it(void *arg)
{
    throw std::runtime_error(text_of(static_cast<Player *>(arg)->number, 0));
}

void throw_in_block(void *arg)
{
    CHECK_STATUS(antpool_block(throw_it, arg), ANTPOOL_OK);
    CHECK(false);
}

void check_what(void *handled, const antpool_panic_info_t *info)
{
    const long player = static_cast<Player *>(info->arg)->number;
    be_put_aside(player);
    CHECK_TEXT(info->message, text_of(player, 0).c_str());
    CHECK_EQ(std::uncaught_exceptions(), 0);
    catch_from_below(player, 1); // The handler may use exceptions as well.
    CHECK_TEXT(info->message, text_of(player, 0).c_str());
    tally_task(handled);
}

void leave_on_many(antpool_task_fn task)
{
    long handled = 0;
    antpool_options_t options = spec_options();
    options.panic_handler = check_what;
    options.panic_data = &handled;
    CHECK_EQ(run_many(task, options).panicked, FIBERS);
    CHECK_EQ(handled, FIBERS);
}

} // namespace

SPEC(the_what_of_an_exception_that_leaves_a_task_after_waits_reaches_the_handler)
{
    leave_on_many(leave_by_exception<false>);
}

SPEC(a_destructor_may_wait_while_an_exception_leaves_the_task)
{
    leave_on_many(leave_by_exception<true>);
}

SPEC(the_what_of_an_exception_that_leaves_a_blocking_function_reaches_the_handler)
{
    leave_on_many(throw_in_block);
}

namespace {

// A panic is no exception: a wait while it unwinds blocks the carrier, and comes back.
void panic_past_a_wait(void *arg)
{
    const long player = static_cast<Player *>(arg)->number;
    struct Guard {
        ~Guard() { antpool_sleep_us(10); }
    } guard;
    be_put_aside(player);
    antpool_panic(text_of(player, 0).c_str());
}

} // namespace

SPEC(a_destructor_may_wait_while_a_panic_unwinds)
{
    leave_on_many(panic_past_a_wait);
}

namespace {

count_t ran = COUNT_INIT;

void panic_past_a_submit(void *)
{
    struct Guard {
        ~Guard()
        {
            CHECK_STATUS(antpool_submit(antpool_current(), count_task, &ran), ANTPOOL_ERR_DEADLOCK);
        }
    } guard;
    antpool_panic("on purpose");
}

void ignore(void *, const antpool_panic_info_t *) {}

} // namespace

SPEC_FIBERS(a_submit_to_the_full_pool_while_a_panic_unwinds_does_not_stop_the_carrier)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    options.panic_handler = ignore;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_submit(pool, panic_past_a_submit, nullptr), ANTPOOL_OK);
    EVENTUALLY(antpool_busy(pool) == 1);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
}

SPEC_MAIN()
