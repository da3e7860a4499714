//! Every interleaving of a few calls on one gate. Each model shows the invariant it is named for; with
//! `ANTPOOL_MUTANT` set to that name the code breaks it and the model has to fail.

use std::sync::Arc;

use super::waiter::WaitOutcome;
use super::word::QUIESCENCE;
use super::{Caller, Gate, Next, Retire, SpawnError, WaitPolicy, Workers};
use crate::clock::Deadline;
use crate::config::Config;
use crate::error::Error;
use crate::sync::{AtomicUsize, Ordering, advance};

/// Workers that are only counted.
pub(super) struct Granted;

impl Workers for Granted {
    fn start(&self, _: usize) -> Result<(), SpawnError> {
        Ok(())
    }
}

/// Workers that the system refuses.
struct Never;

impl Workers for Never {
    fn start(&self, _: usize) -> Result<(), SpawnError> {
        Err(SpawnError)
    }
}

const FOREVER: WaitPolicy = WaitPolicy::Until(Deadline::NEVER);

pub(super) fn explore(model: impl Fn() + Send + Sync + 'static) {
    crate::sync::explore(3, model);
}

/// A gate with this number of live workers and of busy ones.
pub(super) fn gate(capacity: usize, queue_capacity: usize, live: usize, busy: usize) -> Arc<Gate> {
    let config = Config {
        capacity: Some(capacity),
        queue_capacity,
        ..Config::default_pool()
    };
    let gate = Gate::new(&config).expect("there is memory");
    for _ in 0..live {
        accept(&gate, WaitPolicy::Never).expect("below the capacity");
    }
    for _ in busy..live {
        gate.finish();
    }
    Arc::new(gate)
}

/// As a pool does it.
fn accept(gate: &Gate, policy: WaitPolicy) -> Result<(), Error> {
    accept_with(gate, policy, Caller::Outsider, &Granted)
}

fn accept_with(
    gate: &Gate,
    policy: WaitPolicy,
    caller: Caller,
    workers: &dyn Workers,
) -> Result<(), Error> {
    if gate.try_accept(1) == 1 {
        Ok(())
    } else {
        gate.accept(policy, caller, workers)
    }
}

macro_rules! spawn {
    ($($gate:ident),*; $body:expr) => {{
        $(let $gate = Arc::clone(&$gate);)*
        crate::sync::thread::spawn(move || $body)
    }};
}
pub(super) use spawn;

/// [A1] While fewer tasks than the capacity are accepted, each has a live worker of its own.
#[test]
fn a1_a_worker_that_retires_leaves_one_for_each_accepted_task() {
    explore(|| {
        let gate = gate(2, 0, 1, 0);
        let worker = spawn!(gate; gate.retire(true));
        let submitter = spawn!(gate; accept(&gate, WaitPolicy::Never));
        let retired = worker.join().unwrap();
        submitter
            .join()
            .unwrap()
            .expect("there is room for a second worker");
        assert_eq!(gate.accepted(), 1);
        assert_eq!(
            gate.live(),
            if retired == Retire::Leave {
                1
            } else {
                gate.live()
            }
        );
        assert!(gate.live() >= 1, "the accepted task has no worker");
    });
}

/// [A1] A worker that has just finished counts for the next task, also if the pool shrinks then.
#[test]
fn a1_a_shrink_takes_no_worker_from_an_accepted_task() {
    explore(|| {
        let gate = gate(2, 0, 2, 2);
        let worker = spawn!(gate; {
            let hints = gate.hints();
            gate.finish();
            gate.after_task(hints, 0, &Granted);
        });
        let submitter = spawn!(gate; accept(&gate, WaitPolicy::Never).is_ok());
        gate.tune(1, &Granted).expect("tunable");
        worker.join().unwrap();
        let accepted = 1 + usize::from(submitter.join().unwrap());
        assert_eq!(gate.accepted(), accepted);
        assert!(
            gate.snapshot().running >= accepted,
            "an accepted task has lost its worker"
        );
    });
}

/// [A1] Of three workers that end a task while one of them is surplus, one leaves.
#[test]
fn a1_as_many_leave_as_are_surplus() {
    explore(|| {
        let gate = gate(3, 0, 3, 3);
        gate.tune(2, &Granted).expect("tunable");
        let end = |gate: &Gate| {
            let hints = gate.hints();
            gate.finish();
            usize::from(gate.after_task(hints, 0, &Granted) == Next::Leave)
        };
        let one = spawn!(gate; end(&gate));
        let left = end(&gate) + one.join().unwrap();
        assert_eq!((left, gate.snapshot().running), (1, 2));
    });
}

/// [A1] A pool that grows starts a worker for a task in its queue before the tune returns.
#[test]
fn a1_a_pool_that_grows_starts_a_worker_for_a_queued_task() {
    explore(|| {
        let gate = gate(1, 1, 1, 1);
        let submitter = spawn!(gate; accept(&gate, WaitPolicy::Never));
        gate.tune(2, &Granted).expect("tunable");
        submitter.join().unwrap().expect("the queue has a place");
        let now = gate.snapshot();
        assert_eq!((now.accepted, now.running), (2, 2));
    });
}

/// [A2] Accepted tasks never exceed what the capacity allowed when they were accepted.
#[test]
fn a2_a_submit_that_begins_after_a_tune_is_held_to_it() {
    explore(|| {
        let gate = gate(2, 0, 2, 0);
        let tuner = spawn!(gate; {
            gate.tune(1, &Granted).expect("tunable");
            let accepted = accept(&gate, WaitPolicy::Never).is_ok();
            (accepted, gate.accepted())
        });
        let submitter = spawn!(gate; accept(&gate, WaitPolicy::Never).is_ok());
        let (second, seen) = tuner.join().unwrap();
        let first = submitter.join().unwrap();
        assert!(!second || seen == 1, "accepted above the new capacity");
        assert_eq!(gate.accepted(), usize::from(first) + usize::from(second));
        assert!(gate.accepted() <= 1, "two tasks at capacity one");
    });
}

/// [A2] Of two callers for one place one gets it.
#[test]
fn a2_one_place_is_given_to_one_of_two_callers() {
    explore(|| {
        let gate = gate(1, 0, 1, 0);
        let one = spawn!(gate; accept(&gate, WaitPolicy::Never));
        let two = spawn!(gate; accept(&gate, WaitPolicy::Never));
        let results = [one.join().unwrap(), two.join().unwrap()];
        assert!(
            results.contains(&Ok(())) && results.contains(&Err(Error::Overload)),
            "{results:?}"
        );
    });
}

/// [A3] Nothing is queued without a granted worker: a refused start leaves no trace.
#[test]
fn a3_without_a_worker_nothing_is_queued() {
    explore(|| {
        let gate = gate(1, 1, 0, 0);
        let refused = spawn!(gate; {
            let result = accept_with(&gate, FOREVER, Caller::Outsider, &Never);
            // Not live(), a figure for people, which may be an old one.
            assert!(result != Ok(()) || gate.snapshot().running > 0, "queued without a worker");
            result
        });
        let granted =
            spawn!(gate; accept_with(&gate, WaitPolicy::Never, Caller::Outsider, &Granted));
        let refused = refused.join().unwrap();
        let granted = granted.join().unwrap();
        if refused == Ok(()) {
            assert_eq!((granted, gate.live(), gate.accepted()), (Ok(()), 1, 2));
        } else {
            assert_eq!(refused, Err(Error::Spawn));
            assert_eq!(gate.live(), gate.accepted());
        }
    });
}

/// [A4] A finish that comes while a caller parks wakes it.
#[test]
fn a4_a_finish_is_not_lost_on_a_caller_that_lies_down() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let caller = spawn!(gate; accept(&gate, FOREVER));
        gate.finish();
        assert_eq!(caller.join().unwrap(), Ok(()));
    });
}

/// [A5] The caller that is on its way passes on what it does not take.
#[test]
fn a5_a_deadline_that_meets_a_finish_strands_nobody() {
    // Four threads: two preemptions are what a check has time for.
    crate::sync::explore(2, || {
        let gate = gate(1, 0, 1, 1);
        let timed = spawn!(gate; {
            let result = accept(&gate, WaitPolicy::Until(Deadline::after_ms(1)));
            if result.is_ok() {
                gate.finish();
            }
            result
        });
        let other = spawn!(gate; {
            assert_eq!(accept(&gate, FOREVER), Ok(()));
            gate.finish();
        });
        let clock = crate::sync::thread::spawn(advance);
        gate.finish();
        clock.join().unwrap();
        other.join().unwrap();
        let result = timed.join().unwrap();
        assert!(
            matches!(result, Ok(()) | Err(Error::TimedOut)),
            "{result:?}"
        );
        assert_eq!((gate.accepted(), gate.waiting()), (0, 0));
    });
}

/// [A5] A caller that was overtaken on its way is woken again by the next finish.
#[test]
fn a5_an_overtaken_caller_is_woken_again() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let waiting = spawn!(gate; accept(&gate, FOREVER));
        let barging = spawn!(gate; {
            if accept(&gate, WaitPolicy::Never).is_ok() {
                gate.finish();
            }
        });
        gate.finish();
        barging.join().unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

/// [A5] Newcomers take what is given back for a caller that waits, but not for ever.
#[test]
fn a5_a_caller_is_barged_past_only_so_often() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let waiting = spawn!(gate; accept(&gate, FOREVER));
        let mut barged = 0;
        for _ in 0..3 {
            let waits = !gate.lock().wait_queue.is_empty();
            gate.finish();
            if gate.try_accept(1) == 0 {
                break;
            }
            barged += usize::from(waits && !gate.lock().wait_queue.is_empty());
            assert!(barged <= 2, "it starves");
        }
        if gate.accepted() > 0 {
            gate.finish();
        }
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

/// [A5] The first of two callers leaves while the system refuses workers: the other is woken to ask it from then on.
#[test]
fn a5_a_caller_that_becomes_the_first_is_woken_to_ask_the_system() {
    explore(|| {
        let gate = gate(2, 0, 1, 1);
        let first = spawn!(gate; {
            let soon = WaitPolicy::Until(Deadline::after_ms(1));
            accept_with(&gate, soon, Caller::Outsider, &Never)
        });
        let second = {
            let mut control = gate.lock();
            let waits = !control.wait_queue.is_empty();
            waits.then(|| {
                let waiter = control.waiter_cache.take();
                control.wait_queue.join(Arc::clone(&waiter), false);
                waiter
            })
        };
        if let Some(second) = second {
            advance();
            assert_eq!(first.join().unwrap(), Err(Error::TimedOut));
            second.sleep(Deadline::NEVER);
        } else {
            gate.close();
            assert_eq!(first.join().unwrap(), Err(Error::Closed));
        }
    });
}

/// [A6] Of workers that could only wait for each other one is told so, and the other gets in.
#[test]
fn a6_workers_that_wait_for_each_other_are_not_left_hanging() {
    explore(|| {
        let gate = gate(2, 0, 2, 2);
        let told = Arc::new(AtomicUsize::new(0));
        let task = |gate: Arc<Gate>, told: Arc<AtomicUsize>| {
            move || {
                if accept_with(&gate, FOREVER, Caller::Worker, &Granted) == Err(Error::Deadlock) {
                    told.fetch_add(1, Ordering::SeqCst);
                }
                gate.finish();
            }
        };
        let one = crate::sync::thread::spawn(task(Arc::clone(&gate), Arc::clone(&told)));
        let two = crate::sync::thread::spawn(task(Arc::clone(&gate), Arc::clone(&told)));
        one.join().unwrap();
        two.join().unwrap();
        // None, if one had finished before the other asked.
        assert!(told.load(Ordering::SeqCst) <= 1);
    });
}

/// [A6] The last worker that could make room leaves by a shrink: the one that waits is told.
#[test]
fn a6_a_shrink_that_leaves_only_waiting_workers_is_noticed() {
    explore(|| {
        let gate = gate(2, 0, 2, 1);
        let task = spawn!(gate; {
            let mut placed = 0;
            while accept_with(&gate, FOREVER, Caller::Worker, &Granted).is_ok() {
                placed += 1;
            }
            placed
        });
        gate.tune(1, &Granted).expect("tunable");
        // The other worker: it ends the task if one was placed, or has none.
        if gate.accepted() > 1 {
            let hints = gate.hints();
            gate.finish();
            assert_eq!(gate.after_task(hints, 0, &Granted), Next::Leave);
        } else {
            while gate.retire(false) != Retire::Leave {
                crate::sync::thread::yield_now();
            }
        }
        assert!(task.join().unwrap() <= 1);
    });
}

/// [A7] A wait for an instant without tasks does not miss it, however soon the next task comes.
#[test]
fn a7_an_instant_without_tasks_is_not_missed() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let watcher = spawn!(gate; gate.wait(Deadline::NEVER));
        gate.finish();
        if accept(&gate, WaitPolicy::Never).is_ok() {
            gate.finish();
        }
        assert_eq!(watcher.join().unwrap(), Ok(()));
    });
}

/// [A7] An instant that had passed before a wait began does not end it.
#[test]
fn a7_an_instant_that_has_passed_does_not_end_a_later_wait() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let passed = Arc::new(AtomicUsize::new(0));
        let earlier = spawn!(gate; gate.wait(Deadline::NEVER));
        let later = spawn!(gate, passed; {
            if passed.load(Ordering::SeqCst) == 1 {
                assert_eq!(gate.wait(Deadline::NEVER), Ok(()));
                assert_eq!(passed.load(Ordering::SeqCst), 2, "ended by the instant before it began");
            }
        });
        gate.finish();
        accept(&gate, WaitPolicy::Never).expect("the only submitter");
        passed.store(1, Ordering::SeqCst);
        passed.store(2, Ordering::SeqCst);
        gate.finish();
        later.join().unwrap();
        assert_eq!(earlier.join().unwrap(), Ok(()));
    });
}

/// [A7] An instant that has passed ends the waits that began before it, also if another wait begins before the
/// finish has come to end them.
#[test]
fn a7_an_instant_is_not_missed_for_a_later_wait() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let earlier = {
            let mut control = gate.lock();
            let waiter = control.waiter_cache.take();
            control.quiescence_waiters.join(Arc::clone(&waiter));
            let marked = gate.update(|word| Some(word.with(QUIESCENCE, QUIESCENCE)));
            assert!(marked.is_ok());
            waiter
        };
        let finisher = spawn!(gate; gate.finish());
        if gate.try_accept(1) == 1 {
            let late = Deadline::after_ms(1);
            advance();
            let later = gate.wait(late);
            assert_eq!(later, Err(Error::TimedOut));
        }
        finisher.join().unwrap();
        let _control = gate.lock();
        assert_eq!(earlier.outcome(), WaitOutcome::Done);
    });
}

/// [A8] Nothing is accepted after a close has returned.
#[test]
fn a8_nothing_is_accepted_after_a_close() {
    explore(|| {
        let gate = gate(1, 0, 1, 0);
        let closed = Arc::new(AtomicUsize::new(0));
        let closer = spawn!(gate, closed; {
            gate.close();
            closed.store(1, Ordering::SeqCst);
        });
        let before = closed.load(Ordering::SeqCst);
        let result = accept(&gate, FOREVER);
        assert!(before == 0 || result == Err(Error::Closed), "{result:?}");
        closer.join().unwrap();
    });
}

/// [A8] A close sends everybody in the wait queue away, also the one that is on its way.
#[test]
fn a8_a_close_sends_the_line_away() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let one = spawn!(gate; accept(&gate, FOREVER));
        let two = spawn!(gate; accept(&gate, FOREVER));
        gate.finish();
        gate.close();
        let results = [one.join().unwrap(), two.join().unwrap()];
        let placed = results.iter().filter(|result| result.is_ok()).count();
        assert!(placed <= 1);
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(()) | Err(Error::Closed)))
        );
        assert_eq!((gate.accepted(), gate.waiting()), (placed, 0));
    });
}

/// [A8] A reboot ends the waits for the last worker of the pool that was closed.
#[test]
fn a8_a_reboot_ends_the_waits_for_the_last_worker() {
    explore(|| {
        let gate = gate(1, 0, 1, 0);
        gate.close();
        let drainer = spawn!(gate; gate.wait_until_drained(Deadline::NEVER));
        gate.reopen(&Granted).expect("the caller owns it");
        assert_eq!(drainer.join().unwrap(), Err(Error::Canceled));
    });
}

/// [A8] Whoever closes a pool can wait until all others have left it.
#[test]
fn a8_a_closed_pool_is_left_by_those_who_waited() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let submitter = spawn!(gate; accept(&gate, FOREVER));
        gate.close();
        gate.wait_until_left();
        assert_eq!(gate.lock().waiter_cache.taken(), 0);
        assert!(matches!(submitter.join().unwrap(), Err(Error::Closed)));
    });
}

/// [A14] A worker that takes a lost one's place is one thread, as that was: the pool ends with it.
#[test]
fn a14_a_pool_ends_with_the_successor_of_a_lost_worker() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        gate.give_up();
        let loser = spawn!(gate; {
            assert!(gate.replace_lost(0, &Granted));
            gate.finish();
            while gate.retire(false) != Retire::Leave {
                crate::sync::thread::yield_now();
            }
            gate.thread_ends(1)
        });
        gate.close();
        let ended = gate.ends();
        assert!(loser.join().unwrap() != ended, "it is ended once");
    });
}

/// Three workers with a queue, as far as a shrink has to know them.
#[derive(Debug, Default)]
struct Working {
    queued: AtomicUsize,
    has_task: [AtomicUsize; 3],
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Workers for Working {
    fn start(&self, _: usize) -> Result<(), SpawnError> {
        Err(SpawnError)
    }

    fn count_running(&self, count: &mut dyn FnMut(usize)) -> bool {
        for (index, has_task) in self.has_task.iter().enumerate() {
            // ORDERING: Relaxed; the fence of the shrink comes before.
            if has_task.load(Ordering::Relaxed) == 1 {
                count(index);
            }
        }
        true
    }
}

impl Working {
    /// With `queued` tasks, and a worker 2 whose task never ends if it is `busy`.
    fn new(queued: usize, busy: bool) -> Arc<Self> {
        let working = Self::default();
        // ORDERING: Relaxed; before any other thread.
        working.queued.store(queued, Ordering::Relaxed);
        working.has_task[2].store(usize::from(busy), Ordering::Relaxed);
        Arc::new(working)
    }

    /// An accepted task gets into the queue.
    fn push(&self) {
        // ORDERING: Release, as a push has.
        self.queued.fetch_add(1, Ordering::Release);
    }

    /// The worker `index` takes one task, if there is one, and runs it.
    fn work(&self, gate: &Gate, index: usize) -> Next {
        // ORDERING: AcqRel, as a pop has.
        let taken = self
            .queued
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |queued| {
                queued.checked_sub(1)
            });
        if taken.is_err() {
            return Next::Stay;
        }
        // ORDERING: Relaxed; the fence of `begin_task` comes after.
        self.has_task[index].store(1, Ordering::Relaxed);
        gate.begin_task(index, false);
        // ORDERING: AcqRel; one counts what the other has.
        let running = 1 + self.running.fetch_add(1, Ordering::AcqRel);
        self.most.fetch_max(running, Ordering::AcqRel);
        self.running.fetch_sub(1, Ordering::AcqRel);
        let hints = gate.hints();
        gate.finish();
        // ORDERING: Relaxed; the fence of `after_task` comes after.
        self.has_task[index].store(0, Ordering::Relaxed);
        gate.after_task(hints, index, self)
    }

    fn most(&self) -> usize {
        // ORDERING: Relaxed; the workers have been joined.
        self.most.load(Ordering::Relaxed)
    }
}

/// [A10] Two workers take tasks that were submitted after a shrink to one.
#[test]
fn a10_a_shrink_holds_when_it_has_returned() {
    explore(|| {
        let gate = gate(2, 2, 2, 0);
        let working = Working::new(0, false);
        let other = spawn!(gate, working; working.work(&gate, 1));
        gate.tune(1, &*working).expect("tunable");
        for _ in 0..2 {
            accept(&gate, WaitPolicy::Never).expect("the queue has places");
            working.push();
        }
        working.work(&gate, 0);
        other.join().unwrap();
        assert!(working.most() <= 1, "two tasks have run at once");
    });
}

/// [A10] A worker that has a task when the pool shrinks keeps its place until the task ends.
#[test]
fn a10_a_task_that_runs_at_a_shrink_counts() {
    explore(|| {
        let gate = gate(2, 2, 2, 1);
        let working = Working::new(1, false);
        let other = spawn!(gate, working; working.work(&gate, 1));
        gate.tune(1, &*working).expect("tunable");
        accept(&gate, WaitPolicy::Never).expect("the queue has places");
        working.push();
        working.work(&gate, 0);
        other.join().unwrap();
        working.work(&gate, 0);
        assert!(working.most() <= 1, "two tasks have run at once");
        assert_eq!((gate.accepted(), gate.live()), (0, 1));
    });
}

/// [A10] A task that ends at a shrink takes its place along, wherever its worker is just then.
#[test]
fn a10_a_task_that_ends_at_a_shrink_leaves_no_place_behind() {
    explore(|| {
        let gate = gate(3, 2, 3, 2);
        let working = Working::new(1, true);
        let other = spawn!(gate, working; working.work(&gate, 1));
        gate.tune(1, &*working).expect("tunable");
        let mut left = usize::from(other.join().unwrap() == Next::Leave);
        assert_eq!(gate.live(), 1, "another task may run");
        while gate.is_unneeded() && gate.retire(false) == Retire::Leave {
            left += 1;
        }
        assert_eq!((gate.accepted(), gate.live(), left), (1, 1, 2));
    });
}

/// [A1] [A10] A task that was accepted before a shrink runs although another never ends, wherever the worker of
/// a third is just then.
#[test]
fn a10_a_task_that_ends_at_a_shrink_takes_no_other_place_along() {
    explore(|| {
        let gate = gate(3, 2, 3, 3);
        let working = Working::new(1, true);
        let other = spawn!(gate, working; working.work(&gate, 1));
        gate.tune(1, &*working).expect("tunable");
        working.push();
        working.work(&gate, 0);
        other.join().unwrap();
        assert_eq!(gate.accepted(), 1 + working.queued.load(Ordering::Relaxed));
    });
}

/// [A11] Two tasks that are accepted together, while others come and go.
#[test]
fn a11_tasks_that_are_accepted_together_have_a_worker_each() {
    explore(|| {
        let gate = gate(3, 2, 1, 0);
        let other = spawn!(gate; gate.try_accept(1));
        let leaver = spawn!(gate; gate.retire(true));
        let together = gate.accept_with_workers(2, &Granted);
        let accepted = 2 + other.join().unwrap();
        leaver.join().unwrap();
        assert_eq!(together, Ok(()));
        assert_eq!(gate.accepted(), accepted);
        assert!(gate.live() >= accepted, "a task has no worker");
    });
}

/// [A12] A trim, a submit and two workers, one of them idle: each accepted task keeps a worker, and the idle one
/// leaves.
#[test]
fn a12_a_trim_takes_the_idle_workers_and_no_others() {
    explore(|| {
        let gate = gate(2, 0, 2, 1);
        let idle = spawn!(gate; while gate.is_unneeded() && gate.retire(false) != Retire::Leave {});
        let submitter = spawn!(gate; accept(&gate, WaitPolicy::Never).is_ok());
        gate.trim();
        assert!(
            submitter.join().unwrap(),
            "there is room for a second worker"
        );
        idle.join().unwrap();
        assert_eq!((gate.accepted(), gate.live()), (2, 2));
    });
    explore(|| {
        let gate = gate(3, 0, 3, 1);
        let finisher = spawn!(gate; gate.finish());
        assert!(gate.trim(), "two are idle");
        finisher.join().unwrap();
        while gate.is_unneeded() && gate.retire(false) == Retire::Leave {}
        assert!(gate.live() <= 1, "an idle worker stays");
        assert!(!gate.is_unneeded(), "a worker would ask again and again");
    });
}

/// [A15] A pause, a task that is submitted after it, and a resume: the task begins after the resume has begun.
#[test]
fn a15_a_task_that_is_submitted_after_a_pause_begins_after_the_resume() {
    explore(|| {
        let gate = gate(1, 0, 1, 0);
        let submitted = Arc::new(AtomicUsize::new(0));
        let resumed = Arc::new(AtomicUsize::new(0));
        let worker = spawn!(gate, submitted, resumed; {
            // ORDERING: Acquire, as a worker takes a task.
            if submitted.load(Ordering::Acquire) == 1 {
                gate.begin_task(0, false);
                assert_eq!(resumed.load(Ordering::Relaxed), 1, "it has begun in the pause");
            }
        });
        gate.pause().expect("it is open");
        accept(&gate, WaitPolicy::Never).expect("there is room");
        submitted.store(1, Ordering::Release);
        resumed.store(1, Ordering::Relaxed);
        gate.resume();
        worker.join().unwrap();
    });
}

/// [A15] A worker that is about to be held meets the end of the pause, by a resume or by a close: it goes on.
#[test]
fn a15_no_worker_waits_when_the_pause_has_ended() {
    for closes in [false, true] {
        explore(move || {
            let gate = gate(1, 0, 1, 1);
            let worker = spawn!(gate; gate.begin_unmetered(false));
            gate.pause().expect("it is open");
            if closes {
                gate.close();
            } else {
                gate.resume();
                gate.pause().expect("it is open");
                gate.resume();
            }
            worker.join().unwrap();
            assert!(!gate.is_paused());
        });
    }
}
