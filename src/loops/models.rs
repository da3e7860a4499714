//! Every interleaving of a call and its helpers. Each model shows the invariant it is named for; with
//! `ANTPOOL_MUTANT` set to that name it has to fail.

#![allow(unsafe_code, reason = "a frame that two threads may reach")]

use std::sync::Arc;

use super::ranges::Ranges;
use super::team::{Teams, Ticket};
use crate::sync::{UnsafeCell, explore};

/// A call that `helpers` threads help, each with `help`, which is given its slot; then `after` runs.
fn call<F: Send + Sync + 'static>(
    helpers: usize,
    frame: F,
    help: impl Fn(&F, usize) + Copy + Send + 'static,
    after: impl Fn(&F, &[Option<usize>]),
) {
    let (teams, frame) = (Arc::new(Teams::<1>::new()), Arc::new(frame));
    let led = teams.take(Arc::as_ptr(&frame).cast()).expect("the first");
    let ticket: Ticket = led.ticket();
    let threads: Vec<_> = (0..helpers)
        .map(|_| {
            let (teams, frame) = (Arc::clone(&teams), Arc::clone(&frame));
            crate::sync::thread::spawn(move || {
                let inside = teams.join(ticket)?;
                help(&frame, inside.slot());
                Some(inside.slot())
            })
        })
        .collect();
    led.close();
    assert!(led.end(0), "no fork");
    after(&frame, &[]);
    let slots: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    after(&frame, &slots);
}

/// What a frame is to its helpers and its caller.
struct Place(UnsafeCell<()>);

// SAFETY: whether two threads meet there is what the models are about; loom sees it.
unsafe impl Sync for Place {}

/// [L1] [L4] [L5] A call ends while helpers come and go: it has its frame for itself then, it is woken if it
/// sleeps, and who wakes it has done so.
fn a_call_ends_after_its_helpers(helpers: usize, preemptions: usize) {
    explore(preemptions, move || {
        call(
            helpers,
            Place(UnsafeCell::new(())),
            |frame, _| frame.0.with(|_| ()),
            |frame, _| frame.0.with_mut(|_| ()),
        );
    });
}

#[test]
fn l1_a_call_has_its_frame_for_itself_when_it_has_ended() {
    a_call_ends_after_its_helpers(2, 2);
}

#[test]
fn l4_the_last_to_leave_wakes_the_caller() {
    a_call_ends_after_its_helpers(1, 3);
}

#[test]
fn l5_the_wake_has_ended_before_the_call_has() {
    a_call_ends_after_its_helpers(1, 3);
}

/// [L3] Two helpers, whenever they come and go.
#[test]
fn l3_each_helper_has_a_slot_of_its_own() {
    explore(2, || {
        call(
            2,
            (),
            |(), _| (),
            |(), slots| {
                if let [Some(one), Some(other)] = slots {
                    assert_ne!(one, other);
                }
            },
        );
    });
}

/// [L4] A gang whose caller waits for two that have not come yet.
#[test]
fn l4_a_gang_ends_when_all_have_been_there() {
    explore(2, || {
        let teams = Arc::new(Teams::<1>::new());
        let led = teams.take(std::ptr::null()).expect("the first");
        let ticket = led.ticket();
        let threads = [(); 2].map(|()| {
            let teams = Arc::clone(&teams);
            crate::sync::thread::spawn(move || teams.join(ticket).map(|inside| inside.slot()))
        });
        assert!(led.end(2), "no fork");
        assert!(teams.join(ticket).is_none(), "the team is free");
        let slots = threads.map(|thread| thread.join().unwrap());
        assert!(matches!(slots, [Some(1), Some(2)] | [Some(2), Some(1)]));
    });
}

/// [L2] Two participants and three indices.
#[test]
fn l2_each_index_is_taken_once() {
    explore(3, || {
        let ranges = Arc::new(Ranges::new(3, 0, 1));
        let taken = |ranges: &Ranges| {
            std::iter::from_fn(|| ranges.take(2)).fold(0, |sum, share| sum + share.units)
        };
        let other = {
            let ranges = Arc::clone(&ranges);
            crate::sync::thread::spawn(move || taken(&ranges))
        };
        let here = taken(&ranges);
        assert_eq!(here + other.join().unwrap(), 3);
    });
}
