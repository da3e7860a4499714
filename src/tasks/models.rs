//! Models of groups and of completions. See `sync/mutants.rs`.

#![allow(unsafe_code, reason = "a group is a pointer that its last user frees")]

use std::ffi::c_void;
use std::sync::Arc;

use loom::thread;

use super::completions::Entry;
use super::{Begin, Completions, Group, Outcome, Tracker};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{AtomicUsize, Ordering, advance, explore};

unsafe extern "C-unwind" fn discard(_: *mut c_void) {}

/// A group that is used by several threads and destroyed by the first.
#[derive(Clone, Copy)]
struct Shared(*mut Group);

// SAFETY: a group is used by any thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new() -> Self {
        Self(Group::make().expect("there is memory"))
    }

    fn get(&self) -> &Group {
        // SAFETY: the models destroy it last.
        unsafe { &*self.0 }
    }

    fn destroy(self) -> Result<(), Error> {
        // SAFETY: nobody calls it any more; what G3 promises is that no worker uses it either.
        unsafe { Group::destroy(self.0) }
    }

    /// What a worker does with a task: true if it has run.
    fn run(self, failed: bool) -> bool {
        let begin = self.get().begin();
        let outcome = match begin {
            Begin::Canceled(_) => Outcome::Canceled,
            Begin::Run if failed => Outcome::Failed,
            Begin::Run => Outcome::Done,
        };
        self.get().end(outcome);
        outcome != Outcome::Canceled
    }
}

/// [G1] A task that begins after the cancel has returned does not run, and its argument is discarded; a wait opens
/// the group when it is empty.
#[test]
fn g1_a_task_of_a_canceled_group_does_not_begin() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(2).expect("it is open");
        let worker = thread::spawn(move || {
            if let Begin::Canceled(with) = group.get().begin() {
                assert!(with.is_some(), "the argument is lost");
            }
            group.get().end(Outcome::Done);
        });
        group.get().cancel(Some(discard));
        assert!(matches!(group.get().begin(), Begin::Canceled(Some(_))));
        assert_eq!(group.get().enter(1), Err(Error::Canceled));
        group.get().end(Outcome::Canceled);
        worker.join().unwrap();
        assert_eq!(group.get().wait(Deadline::NEVER), Ok(()));
        assert_eq!(group.get().enter(1), Ok(()));
        assert!(group.run(false));
        assert_eq!(group.destroy(), Ok(()));
    });
}

/// [G2] A wait ends when the last of two tasks does, and says that one has failed.
#[test]
fn g2_a_wait_ends_with_the_last_task() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(2).expect("it is open");
        let workers = [true, false].map(|failed| thread::spawn(move || group.run(failed)));
        assert_eq!(group.get().wait(Deadline::NEVER), Err(Error::TaskFailed));
        assert_eq!(group.get().wait(Deadline::NEVER), Ok(()));
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(group.destroy(), Ok(()));
    });
}

/// [G2] Two waits for one task both end, and both are told if they have waited at the same time.
#[test]
fn g2_every_wait_ends() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(1).expect("it is open");
        let worker = thread::spawn(move || group.run(true));
        let other = thread::spawn(move || group.get().wait(Deadline::NEVER));
        let said = [group.get().wait(Deadline::NEVER), other.join().unwrap()];
        assert!(said.contains(&Err(Error::TaskFailed)), "{said:?}");
        worker.join().unwrap();
        assert_eq!(group.destroy(), Ok(()));
    });
}

/// [G2] A wait that meets its deadline leaves the group as it was, for the next one.
#[test]
fn g2_a_wait_that_times_out_takes_nothing() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(1).expect("it is open");
        let worker = thread::spawn(move || group.run(true));
        let clock = thread::spawn(advance);
        let first = group.get().wait(Deadline::after_ms(1));
        let failed = Err(Error::TaskFailed);
        match first {
            Err(Error::TimedOut) => assert_eq!(group.get().wait(Deadline::NEVER), failed),
            other => assert_eq!(other, failed),
        }
        worker.join().unwrap();
        clock.join().unwrap();
        assert_eq!(group.destroy(), Ok(()));
    });
}

/// [G3] A caller may destroy the group as soon as its wait has returned, also if an earlier wait of its own has left the mark behind.
#[test]
fn g3_the_group_may_be_destroyed_as_soon_as_a_wait_says_so() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(1).expect("it is open");
        let worker = thread::spawn(move || group.run(false));
        let clock = thread::spawn(advance);
        if group.get().wait(Deadline::after_ms(1)).is_err() {
            assert_eq!(group.get().wait(Deadline::NEVER), Ok(()));
        }
        assert_eq!(group.destroy(), Ok(()));
        worker.join().unwrap();
        clock.join().unwrap();
    });
}

/// [G2] Units of other work and a task: the count is never below what is unfinished.
#[test]
fn g2_other_work_counts_beside_the_tasks() {
    explore(3, || {
        let group = Shared::new();
        group.get().enter(1).expect("it is open");
        group.get().add(1).expect("it is open");
        let worker = thread::spawn(move || group.run(false));
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let other = thread::spawn(move || {
            counted.store(1, Ordering::Relaxed);
            group.get().add(-1)
        });
        assert_eq!(group.get().wait(Deadline::NEVER), Ok(()));
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert_eq!(group.get().add(-1), Err(Error::InvalidArgument));
        assert_eq!(other.join().unwrap(), Ok(()));
        worker.join().unwrap();
        assert_eq!(group.destroy(), Ok(()));
    });
}

/// Completions that several threads use; what is delivered is a number.
#[derive(Clone, Copy)]
struct Results(*mut Completions<usize>);

// SAFETY: they are used by any thread.
unsafe impl Send for Results {}

/// What a worker has of a submit.
struct Work(*const Entry<usize>);

// SAFETY: a tracker is used by any thread.
unsafe impl Send for Work {}

impl Work {
    fn end(self, outcome: Outcome) {
        // SAFETY: it stays until it is told of the end.
        unsafe { &*self.0 }.end(outcome);
    }
}

impl Results {
    fn new(ordered: bool) -> Self {
        Self(Completions::make(ordered).expect("there is memory"))
    }

    fn get(&self) -> &Completions<usize> {
        // SAFETY: the models destroy it last.
        unsafe { &*self.0 }
    }

    fn submit(&self, number: usize) -> Work {
        let entry = self.get().enter(number, std::ptr::null_mut());
        Work(entry.expect("there is memory").as_ptr())
    }

    /// Delivers what there is, into `seen`.
    fn dispatch(&self, seen: &mut Vec<usize>) {
        self.get().dispatch(usize::MAX, |number, _, outcome| {
            assert_eq!(outcome, Outcome::Failed, "delivered before its end");
            seen.push(number);
        });
    }

    fn destroy(self) -> Result<(), Error> {
        // SAFETY: nobody uses it any more.
        unsafe { Completions::destroy(self.0) }
    }
}

/// [D1] Two dispatches and a worker: each result is delivered once, and after its end.
#[test]
fn d1_each_result_is_delivered_once_and_after_its_end() {
    explore(3, || {
        let results = Results::new(true);
        let (first, second) = (results.submit(1), results.submit(2));
        first.end(Outcome::Failed);
        let worker = thread::spawn(move || second.end(Outcome::Failed));
        let other = thread::spawn(move || {
            let mut seen = Vec::new();
            results.dispatch(&mut seen);
            seen
        });
        let mut seen = Vec::new();
        results.dispatch(&mut seen);
        seen.extend(other.join().unwrap());
        worker.join().unwrap();
        results.dispatch(&mut seen);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert_eq!(results.destroy(), Ok(()));
    });
}

/// [D2] A loop that sleeps until the descriptor is readable gets everything, and a wait ends with each result.
#[test]
fn d2_what_can_be_delivered_is_seen() {
    explore(3, || {
        let results = Results::new(false);
        let (first, second) = (results.submit(1), results.submit(2));
        let worker = thread::spawn(move || {
            first.end(Outcome::Failed);
            second.end(Outcome::Failed);
        });
        let mut seen = Vec::new();
        results.dispatch(&mut seen);
        worker.join().unwrap();
        // Whoever polls now has to see what is left, and nothing else.
        assert_eq!(results.get().is_readable(), seen.len() < 2);
        results.dispatch(&mut seen);
        assert_eq!(seen, [1, 2]);
        assert!(!results.get().is_readable());
        assert_eq!(results.get().wait(Deadline::NEVER), Err(Error::Closed));
        assert_eq!(results.destroy(), Ok(()));
    });
}

/// [D2] A wait ends with a result also while another thread dispatches, when the descriptor is readable already.
#[test]
fn d2_a_wait_ends_while_another_dispatches() {
    explore(3, || {
        let results = Results::new(false);
        let (first, second) = (results.submit(1), results.submit(2));
        first.end(Outcome::Failed);
        let waiting = thread::spawn(move || results.get().wait(Deadline::NEVER));
        let mut second = Some(second);
        let mut worker = None;
        results.get().dispatch(1, |number, _, _| {
            assert_eq!(number, 1);
            let second = second.take().expect("there is one delivery");
            worker = Some(thread::spawn(move || second.end(Outcome::Failed)));
            assert_eq!(results.get().wait(Deadline::NEVER), Ok(()));
        });
        worker.expect("it was delivered").join().unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
        results.dispatch(&mut Vec::new());
        assert_eq!(results.destroy(), Ok(()));
    });
}

/// [D2] A wait ends when the last submit that is outstanding is not accepted.
#[test]
fn d2_a_wait_ends_when_nothing_can_come() {
    explore(3, || {
        let results = Results::new(true);
        let (refused, ended) = (results.submit(1), results.submit(2));
        ended.end(Outcome::Failed);
        assert!(!results.get().is_readable());
        let waiting = thread::spawn(move || results.get().wait(Deadline::NEVER));
        let entry = std::ptr::NonNull::new(refused.0.cast_mut()).expect("it is there");
        // SAFETY: no task has it.
        unsafe { results.get().leave(entry) };
        assert!(results.get().is_readable());
        assert_eq!(waiting.join().unwrap(), Ok(()));
        let mut seen = Vec::new();
        results.dispatch(&mut seen);
        assert_eq!(seen, [2]);
        assert_eq!(results.destroy(), Ok(()));
    });
}

/// [D3] Ordered results come in the order of their submits, whichever ends first.
#[test]
fn d3_ordered_results_come_in_the_order_of_the_submits() {
    explore(3, || {
        let results = Results::new(true);
        let (first, second) = (results.submit(1), results.submit(2));
        let workers = [second, first].map(|work| thread::spawn(move || work.end(Outcome::Failed)));
        let mut seen = Vec::new();
        results.dispatch(&mut seen);
        for worker in workers {
            worker.join().unwrap();
        }
        results.dispatch(&mut seen);
        assert_eq!(seen, [1, 2]);
        assert_eq!(results.destroy(), Ok(()));
    });
}
