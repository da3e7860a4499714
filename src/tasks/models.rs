//! Models of groups, of lanes and of completions. See `sync/mutants.rs`.

#![allow(unsafe_code, reason = "a group is a pointer that its last user frees")]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;

use crate::sync::thread;

use super::completions::Entry;
use super::{Begin, Completions, Group, Lane, Outcome, Places, Tracker};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{AtomicUsize, Mutex, Ordering, advance, explore};
use crate::task::{Task, TaskFn};

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
            Begin::Run | Begin::Call { .. } => Outcome::Done,
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

/// The pool of a lane: accepted places, and those in the queue.
struct Host {
    accepted: AtomicUsize,
    queue: Mutex<VecDeque<Task>>,
    /// Whether each place takes waiting.
    is_full: bool,
}

impl Places for Arc<Host> {
    type Wait = ();

    fn is_closed(&self) -> bool {
        false
    }

    fn try_accept(&self) -> bool {
        !self.is_full && self.accept(()).is_ok()
    }

    fn accept(&self, (): ()) -> Result<(), Error> {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn give_back(&self) {
        self.accepted.fetch_sub(1, Ordering::SeqCst);
    }

    fn push(&self, place: Task) -> Result<(), Error> {
        self.queue.lock().push_back(place);
        Ok(())
    }

    fn pushed(&self) {}

    fn discards(&self) -> u32 {
        0
    }

    fn last_discard(&self) -> Option<TaskFn> {
        None
    }

    fn count_submitted(&self) {}

    fn count_one_back(&self) {}
}

/// A lane that is used by several threads and destroyed by the first.
#[derive(Clone)]
struct Lanes(*mut Lane<Arc<Host>>, Arc<Host>);

// SAFETY: a lane is used by any thread.
unsafe impl Send for Lanes {}

unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}

/// What the tasks of a model do: they say which they are, and are inside meanwhile.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    /// The numbers of those that have begun, as digits.
    begun: AtomicUsize,
}

impl Lanes {
    fn new(limit: usize, is_full: bool) -> Self {
        let host = Arc::new(Host {
            accepted: AtomicUsize::new(0),
            queue: Mutex::new(VecDeque::new()),
            is_full,
        });
        let lane = Lane::make(Arc::clone(&host), limit).expect("there is memory");
        Self(lane, host)
    }

    fn get(&self) -> &Lane<Arc<Host>> {
        // SAFETY: the models destroy it last.
        unsafe { &*self.0 }
    }

    /// Submits the task of that number.
    fn submit(&self, number: usize) -> Result<(), Error> {
        let arg = std::ptr::without_provenance_mut(number);
        self.get().submit(nothing, arg, ())
    }

    /// What a worker does that looks into the queue once. Says how many were canceled.
    fn work(&self, inside: &Inside, limit: usize) -> usize {
        let mut canceled = 0;
        let place = self.1.queue.lock().pop_front();
        let Some(tracker) = place.and_then(|place| place.tracker()) else {
            return 0;
        };
        loop {
            // SAFETY: the lane stays while it has a place.
            let tracker = unsafe { &*tracker };
            let Begin::Call {
                arg,
                canceled: discard,
                ..
            } = tracker.begin()
            else {
                unreachable!("a lane says what is called");
            };
            let outcome = if let Some(discard) = discard {
                assert!(discard.is_some(), "the argument is lost");
                canceled += 1;
                Outcome::Canceled
            } else {
                assert!(
                    inside.now.fetch_add(1, Ordering::SeqCst) < limit,
                    "too many"
                );
                let number = arg.addr();
                let begun = inside.begun.load(Ordering::SeqCst);
                if limit == 1 {
                    inside.begun.store(begun * 10 + number, Ordering::SeqCst);
                } else {
                    inside.begun.fetch_add(number, Ordering::SeqCst);
                }
                inside.now.fetch_sub(1, Ordering::SeqCst);
                Outcome::Done
            };
            if !tracker.end(outcome) {
                self.1.give_back();
                return canceled;
            }
        }
    }

    /// Works until nothing is in the queue.
    fn work_all(&self, inside: &Inside, limit: usize) -> usize {
        let mut canceled = 0;
        while !self.1.queue.lock().is_empty() {
            canceled += self.work(inside, limit);
        }
        canceled
    }

    fn destroy(self) -> Result<(), Error> {
        assert_eq!(self.1.accepted.load(Ordering::SeqCst), 0, "room is lost");
        // SAFETY: nobody calls it any more; what L9 promises is that no worker uses it either.
        unsafe { Lane::destroy(self.0) }
    }
}

/// [L6] Two who submit, both after waiting, and two workers: one task at a time, and no place too many.
#[test]
fn l6_never_more_than_the_limit() {
    explore(2, || {
        let (lane, inside) = (Lanes::new(1, true), Arc::new(Inside::default()));
        let (other, its) = (lane.clone(), Arc::clone(&inside));
        let other = thread::spawn(move || {
            other.submit(1).expect("it is open");
            other.work(&its, 1);
        });
        lane.submit(2).expect("it is open");
        lane.work(&inside, 1);
        other.join().unwrap();
        lane.work_all(&inside, 1);
        let begun = inside.begun.load(Ordering::SeqCst);
        assert!(begun == 12 || begun == 21, "{begun}");
        assert_eq!(lane.destroy(), Ok(()));
    });
}

/// [L6] A task that was submitted before another begins before it, also where places are still in the queue.
#[test]
fn l6_in_the_order_of_the_submits() {
    explore(2, || {
        let (lane, inside) = (Lanes::new(1, false), Arc::new(Inside::default()));
        lane.submit(1).expect("it is open");
        let (other, its) = (lane.clone(), Arc::clone(&inside));
        let worker = thread::spawn(move || other.work(&its, 1));
        lane.submit(2).expect("it is open");
        lane.submit(3).expect("it is open");
        worker.join().unwrap();
        lane.work_all(&inside, 1);
        assert_eq!(inside.begun.load(Ordering::SeqCst), 123);
        assert_eq!(lane.destroy(), Ok(()));
    });
}

/// [L7] A submit to a lane whose last task is about to end: somebody comes for the new one. So it is with two
/// places, one of which is in the queue.
#[test]
fn l7_nothing_waits_without_a_place() {
    for limit in 1..=2 {
        explore(3, move || {
            let (lane, inside) = (Lanes::new(limit, false), Arc::new(Inside::default()));
            lane.submit(1).expect("it is open");
            lane.submit(2).expect("it is open");
            let (other, its) = (lane.clone(), Arc::clone(&inside));
            let worker = thread::spawn(move || other.work(&its, limit));
            lane.submit(4).expect("it is open");
            worker.join().unwrap();
            lane.work_all(&inside, limit);
            assert_eq!(lane.get().queued(), 0, "nobody comes for it");
            assert_eq!(lane.destroy(), Ok(()));
        });
    }
}

/// [L8] A task that begins after the cancel has returned does not run; its argument is discarded, once.
#[test]
fn l8_a_task_of_a_canceled_lane_does_not_begin() {
    explore(3, || {
        let (lane, inside) = (Lanes::new(1, false), Arc::new(Inside::default()));
        lane.submit(1).expect("it is open");
        lane.submit(2).expect("it is open");
        let (other, its) = (lane.clone(), Arc::clone(&inside));
        let worker = thread::spawn(move || other.work(&its, 1));
        lane.get().cancel(Some(discard));
        let count = || {
            inside
                .begun
                .load(Ordering::SeqCst)
                .to_string()
                .replace('0', "")
                .len()
        };
        let begun = count();
        assert_eq!(lane.submit(3), Err(Error::Canceled));
        let canceled = worker.join().unwrap();
        // One may have been about to say that it has begun.
        assert!(count() <= begun + 1, "one has begun later");
        assert_eq!(count() + canceled, 2);
        assert_eq!(lane.get().wait(Deadline::NEVER), Ok(()));
        assert_eq!(lane.submit(3), Ok(()));
        lane.work_all(&inside, 1);
        assert_eq!(lane.destroy(), Ok(()));
    });
}

/// [L9] A wait ends with the last task, and the lane may be destroyed then.
#[test]
fn l9_a_wait_ends_and_the_lane_can_be_freed() {
    explore(3, || {
        let (lane, inside) = (Lanes::new(1, false), Arc::new(Inside::default()));
        lane.submit(1).expect("it is open");
        lane.submit(2).expect("it is open");
        let (other, its) = (lane.clone(), Arc::clone(&inside));
        let worker = thread::spawn(move || other.work(&its, 1));
        assert_eq!(lane.get().wait(Deadline::NEVER), Ok(()));
        assert_eq!(inside.begun.load(Ordering::SeqCst), 12);
        // SAFETY: as in `Lanes::destroy`; the worker has yet to give its place back.
        assert_eq!(unsafe { Lane::destroy(lane.0) }, Ok(()));
        worker.join().unwrap();
    });
}

/// [L9] A wait that meets its deadline, and one that does not.
#[test]
fn l9_a_wait_that_gives_up_leaves_the_lane_as_it_was() {
    explore(3, || {
        let (lane, inside) = (Lanes::new(1, false), Arc::new(Inside::default()));
        lane.submit(1).expect("it is open");
        let (other, its) = (lane.clone(), Arc::clone(&inside));
        let worker = thread::spawn(move || other.work(&its, 1));
        let time = thread::spawn(advance);
        let said = lane.get().wait(Deadline::after_ms(1));
        assert!(said == Ok(()) || said == Err(Error::TimedOut), "{said:?}");
        assert_eq!(lane.get().wait(Deadline::NEVER), Ok(()));
        worker.join().unwrap();
        time.join().unwrap();
        assert_eq!(lane.destroy(), Ok(()));
    });
}
