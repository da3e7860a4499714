//! Every interleaving of a few pushes and pops. Each model shows the invariant of the README that it is
//! named for; with `ANTPOOL_MUTANT` set to that name it has to fail.

use std::sync::Arc;

use super::segment::SLOTS;
use super::segments::Segments;
use super::{Level, Queue};
use crate::sync::{AtomicUsize, Ordering, explore, fence_in_models};
use crate::task::numbered as task;

/// A queue out of which this number of tasks has been taken already.
fn queue(taken: usize) -> Arc<Segments<usize>> {
    let queue = Segments::new();
    for task in 0..taken {
        queue.push(task).expect("there is memory");
        assert_eq!(queue.pop(), Some(task));
    }
    Arc::new(queue)
}

fn pops(queue: &Segments<usize>, count: usize) -> Vec<usize> {
    (0..count).filter_map(|_| queue.pop()).collect()
}

/// [Q1] What is taken is what was pushed: loom also sees whether the two meet in the slot.
#[test]
fn q1_a_task_is_seen_whole() {
    explore(3, || {
        let queue = queue(0);
        let pusher = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || queue.push(7).expect("there is memory"))
        };
        let taken = queue.pop();
        pusher.join().unwrap();
        assert_eq!(taken.or_else(|| queue.pop()), Some(7));
        assert!(queue.is_empty() && queue.len() == 0);
    });
}

/// [Q2] Two who pop at once get a task each; those of one pusher come in its order.
#[test]
fn q2_each_task_is_taken_once_and_in_order() {
    explore(2, || {
        let queue = queue(1);
        let pusher = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || {
                (10..13).for_each(|task| queue.push(task).expect("there is memory"))
            })
        };
        let popper = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || pops(&queue, 2))
        };
        let mut taken = pops(&queue, 2);
        let theirs = popper.join().unwrap();
        pusher.join().unwrap();
        assert!(
            taken.is_sorted() && theirs.is_sorted(),
            "{taken:?} {theirs:?}"
        );
        taken.extend(theirs);
        taken.extend(pops(&queue, 3));
        taken.sort_unstable();
        assert_eq!(taken, [10, 11, 12]);
    });
}

/// [Q2] Two who push at once have a slot each.
#[test]
fn q2_two_who_push_at_once_do_not_meet() {
    explore(2, || {
        let queue = queue(0);
        let pusher = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || {
                (10..12).for_each(|task| queue.push(task).expect("there is memory"))
            })
        };
        (20..22).for_each(|task| queue.push(task).expect("there is memory"));
        pusher.join().unwrap();
        let taken = pops(&queue, 4);
        let of = |least| taken.iter().copied().filter(move |task| task / 10 == least);
        assert!(of(1).eq(10..12) && of(2).eq(20..22), "{taken:?}");
    });
}

/// [Q3] One who pops is slow, and the segment is wanted again.
#[test]
fn q3_a_segment_is_not_used_again_while_somebody_reads_in_it() {
    explore(2, || {
        let queue = queue(0);
        (0..SLOTS).for_each(|task| queue.push(task).expect("there is memory"));
        let popper = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || queue.pop())
        };
        let mut taken = pops(&queue, SLOTS);
        // The next segment is full then, and the one after it may be the first again.
        (SLOTS..2 * SLOTS + 1).for_each(|task| queue.push(task).expect("there is memory"));
        taken.extend(popper.join().unwrap());
        taken.extend(pops(&queue, 2 * SLOTS + 1));
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..2 * SLOTS + 1));
    });
}

/// [Q4] A worker says that it sleeps and looks once more; a push, and a look whether anybody sleeps.
#[test]
fn q4_a_push_is_seen_or_sees() {
    explore(3, || {
        let queue = queue(1);
        let sleeps = Arc::new(AtomicUsize::new(0));
        let sleeper = {
            let (queue, sleeps) = (Arc::clone(&queue), Arc::clone(&sleeps));
            crate::sync::thread::spawn(move || {
                sleeps.store(1, Ordering::SeqCst);
                fence_in_models();
                !queue.is_empty()
            })
        };
        queue.push(7).expect("there is memory");
        let wakes = sleeps.load(Ordering::SeqCst) == 1;
        assert!(sleeper.join().unwrap() || wakes, "the task is lost");
    });
}

/// [Q5] A pop, and a push that follows another, in the middle of the step to the next segment.
#[test]
fn q5_a_ticket_comes_with_its_segment() {
    explore(2, || {
        let queue = queue(SLOTS - 1);
        let pusher = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || {
                (10..12).for_each(|task| queue.push(task).expect("there is memory"))
            })
        };
        queue.push(20).expect("there is memory");
        let mut taken = pops(&queue, 2);
        pusher.join().unwrap();
        taken.extend(pops(&queue, 3));
        taken.sort_unstable();
        assert_eq!(taken, [10, 11, 20]);
    });
}

fn push_at(queue: &Queue, number: usize, level: Level) {
    queue.prepare_levels().expect("there is memory");
    assert!(queue.push_at(task(number), level).is_ok());
}

fn pop(queue: &Queue) -> Option<usize> {
    queue.pop().map(|mut task| task.arg().addr())
}

/// [Q6] A higher level first, in the order of the pushes; with the 16th pop the lowest.
#[test]
fn q6_a_higher_level_first_and_none_starves() {
    explore(1, || {
        let queue = Queue::growing();
        assert!(queue.push(task(1)).is_ok());
        push_at(&queue, 2, Level::Low);
        (10..30).for_each(|number| push_at(&queue, number, Level::High));
        push_at(&queue, 3, Level::Normal);
        let taken: Vec<_> = std::iter::from_fn(|| pop(&queue)).collect();
        let expected = (10..25).chain([2]).chain(25..30).chain([1, 3]);
        assert!(taken.iter().copied().eq(expected), "{taken:?}");
        assert!(queue.is_empty());
    });
}

/// [Q6] Two who pop while high tasks come without end: one of them takes the low one.
#[test]
fn q6_a_low_task_is_taken_whoever_pops() {
    explore(2, || {
        let queue = Arc::new(Queue::growing());
        push_at(&queue, 1, Level::Low);
        (0..32).for_each(|_| push_at(&queue, 2, Level::High));
        (0..14).for_each(|_| assert_eq!(pop(&queue), Some(2)));
        let other = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || pop(&queue))
        };
        let taken = [pop(&queue), other.join().unwrap()];
        assert!(taken.contains(&Some(1)), "{taken:?}");
    });
}

/// [Q7] Two who push the first tasks with priorities: the levels are made once, and nothing is lost.
#[test]
fn q7_the_levels_are_made_once() {
    explore(3, || {
        let queue = Arc::new(Queue::growing());
        let other = {
            let queue = Arc::clone(&queue);
            crate::sync::thread::spawn(move || push_at(&queue, 1, Level::Low))
        };
        push_at(&queue, 2, Level::High);
        other.join().unwrap();
        assert_eq!(
            [pop(&queue), pop(&queue), pop(&queue)],
            [Some(2), Some(1), None]
        );
    });
}

/// [Q7] As Q4, with the first task that has a priority.
#[test]
fn q7_a_push_at_a_level_is_seen_or_sees() {
    explore(3, || {
        let queue = Arc::new(Queue::growing());
        let sleeps = Arc::new(AtomicUsize::new(0));
        let sleeper = {
            let (queue, sleeps) = (Arc::clone(&queue), Arc::clone(&sleeps));
            crate::sync::thread::spawn(move || {
                sleeps.store(1, Ordering::SeqCst);
                fence_in_models();
                !queue.is_empty()
            })
        };
        push_at(&queue, 7, Level::Low);
        let wakes = sleeps.load(Ordering::SeqCst) == 1;
        assert!(sleeper.join().unwrap() || wakes, "the task is lost");
    });
}
