//! Every interleaving of a few calls on one gate. Each model shows the invariant it is named for; with
//! `ANTPOOL_MUTANT` set to that name the code breaks it and the model has to fail.

use std::sync::Arc;

use super::{Caller, Gate, Patience, Refused, Retire, Workers};
use crate::clock::Deadline;
use crate::config::Config;
use crate::error::Error;
use crate::sync::{AtomicUsize, Ordering, advance};

/// Workers that are only counted.
pub(super) struct Granted;

impl Workers for Granted {
    fn start(&self, _: usize) -> Result<(), Refused> {
        Ok(())
    }
}

/// Workers that the system refuses.
struct Never;

impl Workers for Never {
    fn start(&self, _: usize) -> Result<(), Refused> {
        Err(Refused)
    }
}

const FOREVER: Patience = Patience::Until(Deadline::NEVER);

pub(super) fn explore(model: impl Fn() + Send + Sync + 'static) {
    crate::sync::explore(3, model);
}

/// A gate with so many live workers and so many of them busy.
pub(super) fn gate(capacity: usize, queue_capacity: usize, live: usize, busy: usize) -> Arc<Gate> {
    let config = Config {
        capacity: Some(capacity),
        queue_capacity,
        ..Config::default_pool()
    };
    let gate = Gate::new(&config);
    for _ in 0..live {
        accept(&gate, Patience::Never).expect("below the capacity");
    }
    for _ in busy..live {
        gate.finish();
    }
    Arc::new(gate)
}

/// As a pool does it.
fn accept(gate: &Gate, patience: Patience) -> Result<(), Error> {
    accept_with(gate, patience, Caller::Outsider, &Granted)
}

fn accept_with(
    gate: &Gate,
    patience: Patience,
    caller: Caller,
    workers: &dyn Workers,
) -> Result<(), Error> {
    if gate.accept_on_sight(1) == 1 {
        Ok(())
    } else {
        gate.accept(patience, caller, workers)
    }
}

macro_rules! spawn {
    ($($gate:ident),*; $body:expr) => {{
        $(let $gate = Arc::clone(&$gate);)*
        loom::thread::spawn(move || $body)
    }};
}
pub(super) use spawn;

/// [A1] While fewer tasks than the capacity are accepted, each has a live worker of its own.
#[test]
fn a1_a_worker_that_retires_leaves_one_for_each_accepted_task() {
    explore(|| {
        let gate = gate(2, 0, 1, 0);
        let worker = spawn!(gate; gate.retire(true));
        let submitter = spawn!(gate; accept(&gate, Patience::Never));
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
            gate.after_task(hints, &Granted);
        });
        let submitter = spawn!(gate; accept(&gate, Patience::Never).is_ok());
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

/// [A2] Accepted tasks never exceed what the capacity allowed when they were accepted.
#[test]
fn a2_a_submit_that_begins_after_a_tune_is_held_to_it() {
    explore(|| {
        let gate = gate(2, 0, 2, 0);
        let tuner = spawn!(gate; {
            gate.tune(1, &Granted).expect("tunable");
            let accepted = accept(&gate, Patience::Never).is_ok();
            (accepted, gate.accepted())
        });
        let submitter = spawn!(gate; accept(&gate, Patience::Never).is_ok());
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
        let one = spawn!(gate; accept(&gate, Patience::Never));
        let two = spawn!(gate; accept(&gate, Patience::Never));
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
        let granted = spawn!(gate; accept_with(&gate, Patience::Never, Caller::Outsider, &Granted));
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

/// [A4] A finish that comes while a caller lies down wakes it.
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
            let result = accept(&gate, Patience::Until(Deadline::after_ms(1)));
            if result.is_ok() {
                gate.finish();
            }
            result
        });
        let other = spawn!(gate; {
            assert_eq!(accept(&gate, FOREVER), Ok(()));
            gate.finish();
        });
        let clock = loom::thread::spawn(advance);
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
        let overtaking = spawn!(gate; {
            if accept(&gate, Patience::Never).is_ok() {
                gate.finish();
            }
        });
        gate.finish();
        overtaking.join().unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
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
        let one = loom::thread::spawn(task(Arc::clone(&gate), Arc::clone(&told)));
        let two = loom::thread::spawn(task(Arc::clone(&gate), Arc::clone(&told)));
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
            assert_eq!(gate.after_task(hints, &Granted), super::Next::Leave);
        } else {
            while gate.retire(false) != Retire::Leave {
                loom::thread::yield_now();
            }
        }
        assert!(task.join().unwrap() <= 1);
    });
}

/// [A7] Who waits for an instant without tasks does not miss it, however soon the next task comes.
#[test]
fn a7_an_instant_without_tasks_is_not_missed() {
    explore(|| {
        let gate = gate(1, 0, 1, 1);
        let watcher = spawn!(gate; gate.wait(Deadline::NEVER));
        gate.finish();
        if accept(&gate, Patience::Never).is_ok() {
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
        accept(&gate, Patience::Never).expect("the only submitter");
        passed.store(1, Ordering::SeqCst);
        passed.store(2, Ordering::SeqCst);
        gate.finish();
        later.join().unwrap();
        assert_eq!(earlier.join().unwrap(), Ok(()));
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

/// [A8] A close sends everybody in the line away, also the one that is on its way.
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
