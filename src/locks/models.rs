//! Models of the locks. See `sync/mutants.rs`.

#![allow(unsafe_code, reason = "what a mutex guards is a cell")]

use std::sync::Arc;

use crate::sync::thread;

use super::{Case, Channel, Condition, Semaphore, SuspendMutex, choose};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{AtomicUsize, Ordering, UnsafeCell, advance, explore};

/// A number behind a mutex.
struct Guarded {
    mutex: SuspendMutex,
    number: UnsafeCell<usize>,
    changed: Condition,
}

// SAFETY: the mutex, which is what the models prove.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            mutex: SuspendMutex::new(),
            number: UnsafeCell::new(0),
            changed: Condition::new(),
        })
    }

    /// With the mutex.
    fn add_one(&self) -> usize {
        // SAFETY: loom sees whether two threads are here at once.
        self.number.with_mut(|number| unsafe {
            *number += 1;
            *number
        })
    }

    fn add_one_alone(&self, deadline: Deadline) -> Option<usize> {
        match self.mutex.lock(deadline) {
            Ok(()) => {
                let now = self.add_one();
                assert_eq!(self.mutex.unlock(), Ok(()));
                Some(now)
            }
            Err(error) => {
                assert_eq!(error, Error::TimedOut);
                None
            }
        }
    }
}

/// [M1] Each of three threads has the mutex alone, and sees what the others have written.
#[test]
fn m1_each_has_it_alone() {
    explore(2, || {
        let guarded = Guarded::new();
        let others = [(); 2].map(|()| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || guarded.add_one_alone(Deadline::NEVER))
        });
        let mut seen = vec![guarded.add_one_alone(Deadline::NEVER)];
        seen.extend(others.map(|other| other.join().unwrap()));
        seen.sort_unstable();
        assert_eq!(seen, [Some(1), Some(2), Some(3)]);
    });
}

/// [M1] The owner knows itself; nobody else unlocks.
#[test]
fn m1_only_the_owner_unlocks() {
    explore(3, || {
        let guarded = Guarded::new();
        assert_eq!(guarded.mutex.lock(Deadline::NEVER), Ok(()));
        assert_eq!(guarded.mutex.lock(Deadline::NEVER), Err(Error::Deadlock));
        let other = Arc::clone(&guarded);
        let other = thread::spawn(move || {
            assert_eq!(other.mutex.unlock(), Err(Error::InvalidArgument));
            other.add_one_alone(Deadline::NEVER)
        });
        guarded.add_one();
        assert_eq!(guarded.mutex.unlock(), Ok(()));
        assert_eq!(other.join().unwrap(), Some(2));
    });
}

/// [M2] Whoever waits gets it, also beside one who meets its deadline.
#[test]
fn m2_nobody_is_left_waiting() {
    explore(2, || {
        let guarded = Guarded::new();
        assert_eq!(guarded.mutex.lock(Deadline::NEVER), Ok(()));
        let other = Arc::clone(&guarded);
        let waits = thread::spawn(move || other.add_one_alone(Deadline::NEVER));
        let other = Arc::clone(&guarded);
        let hurries = thread::spawn(move || other.add_one_alone(Deadline::after_ms(1)));
        advance();
        guarded.add_one();
        assert_eq!(guarded.mutex.unlock(), Ok(()));
        assert!(waits.join().unwrap().is_some());
        hurries.join().unwrap();
        let got = guarded.add_one_alone(Deadline::NEVER).unwrap_or_default();
        assert!((3..=4).contains(&got));
    });
}

/// [V1] A wait for a change that is made with the mutex ends.
#[test]
fn v1_no_signal_is_lost() {
    explore(3, || {
        let guarded = Guarded::new();
        let other = Arc::clone(&guarded);
        let changes = thread::spawn(move || {
            assert_eq!(other.add_one_alone(Deadline::NEVER), Some(1));
            assert_eq!(other.changed.signal(), Ok(()));
        });
        assert_eq!(guarded.mutex.lock(Deadline::NEVER), Ok(()));
        // SAFETY: as in `add_one`.
        while guarded.number.with(|number| unsafe { *number }) == 0 {
            let waited = guarded.changed.wait(&guarded.mutex, Deadline::NEVER);
            assert_eq!(waited, Ok(()));
        }
        assert_eq!(guarded.mutex.unlock(), Ok(()));
        changes.join().unwrap();
    });
}

/// [V1] A wait that says it met its deadline has taken no signal from the one beside it.
#[test]
#[cfg(loom)] // Elsewhere time passes by itself.
fn v1_a_deadline_takes_no_signal() {
    explore(2, || {
        let guarded = Guarded::new();
        assert_eq!(guarded.mutex.lock(Deadline::NEVER), Ok(()));
        let other = Arc::clone(&guarded);
        let changes = thread::spawn(move || {
            assert!(other.add_one_alone(Deadline::NEVER).is_some());
            assert_eq!(other.changed.signal(), Ok(()));
            advance();
        });
        let waited = guarded.changed.wait(&guarded.mutex, Deadline::after_ms(1));
        assert_eq!(waited, Ok(()), "the signal comes before time passes");
        assert_eq!(guarded.mutex.unlock(), Ok(()));
        changes.join().unwrap();
    });
}

/// [P1] Three waits share three units that come as one and as two, and none is left.
#[test]
fn p1_each_unit_goes_to_one_wait() {
    explore(2, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let others = [(); 2].map(|()| {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn(move || semaphore.wait(Deadline::NEVER))
        });
        assert_eq!(semaphore.post(2), Ok(()));
        assert_eq!(semaphore.wait(Deadline::NEVER), Ok(()));
        for other in others {
            assert_eq!(other.join().unwrap(), Ok(()));
        }
        assert_eq!(semaphore.try_wait(), Err(Error::Busy));
    });
}

/// [P2] A unit that comes is seen by whoever waits, with what was written before it, also after a deadline.
#[test]
fn p2_nobody_waits_beside_a_unit() {
    explore(3, || {
        let shared = Arc::new((Semaphore::new(0), AtomicUsize::new(0)));
        let other = Arc::clone(&shared);
        let posts = thread::spawn(move || {
            other.1.store(1, Ordering::Relaxed);
            assert_eq!(other.0.post(1), Ok(()));
        });
        let clock = thread::spawn(advance);
        if shared.0.wait(Deadline::after_ms(1)).is_err() {
            assert_eq!(shared.0.wait(Deadline::NEVER), Ok(()));
        }
        assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        assert_eq!(shared.0.try_wait(), Err(Error::Busy));
        posts.join().unwrap();
        clock.join().unwrap();
    });
}

/// A channel of numbers, which the models leave to the end of the process.
#[derive(Clone, Copy)]
struct Numbers(*mut Channel);

// SAFETY: a channel is used by any thread.
unsafe impl Send for Numbers {}

impl Numbers {
    fn new(capacity: usize) -> Self {
        Self(Channel::make(capacity).expect("there is memory"))
    }

    fn channel(self) -> &'static Channel {
        // SAFETY: it is never freed but by `destroy`, which is the last call.
        unsafe { &*self.0 }
    }

    fn case(self, number: usize) -> Case<'static> {
        Case {
            channel: Some(self.channel()),
            sends: number != 0,
            value: std::ptr::without_provenance_mut(number),
        }
    }

    fn send(self, number: usize, deadline: Deadline) -> Result<(), Error> {
        choose::<1>(&mut [self.case(number)], Some(deadline)).1
    }

    fn receive(self) -> Result<usize, Error> {
        let mut cases = [self.case(0)];
        let (_, result) = choose::<1>(&mut cases, Some(Deadline::NEVER));
        result.map(|()| cases[0].value.addr())
    }

    fn destroy(self) {
        // SAFETY: nobody uses it any more.
        let destroyed = unsafe { Channel::destroy(self.0) };
        assert_eq!(destroyed, Ok(()));
    }
}

/// [N2] Two who choose find each other, whichever lists itself first.
#[test]
fn n2_two_who_choose_find_each_other() {
    explore(3, || {
        let channels = [Numbers::new(0), Numbers::new(0)];
        let other = thread::spawn(move || {
            let mut cases = [channels[1].case(2), channels[0].case(1)];
            let (chosen, result) = choose::<2>(&mut cases, Some(Deadline::NEVER));
            assert_eq!(result, Ok(()));
            chosen.map(|chosen| 2 - chosen)
        });
        let mut cases = channels.map(|channel| channel.case(0));
        let (chosen, result) = choose::<2>(&mut cases, Some(Deadline::NEVER));
        assert_eq!(result, Ok(()));
        let got = chosen.map(|chosen| cases[chosen].value.addr());
        assert_eq!(other.join().unwrap(), got);
        channels.into_iter().for_each(Numbers::destroy);
    });
}

/// [N2] A value that is sent arrives, and one whose sender has met its deadline does not; a close ends waits.
#[test]
fn n2_a_value_is_sent_or_is_not() {
    explore(2, || {
        let channel = Numbers::new(0);
        let sender = thread::spawn(move || {
            let sent = channel.send(1, Deadline::after_ms(1));
            channel.channel().close();
            sent
        });
        let clock = thread::spawn(advance);
        let got = channel.receive();
        match sender.join().unwrap() {
            Ok(()) => assert_eq!(got, Ok(1)),
            Err(error) => assert_eq!((error, got), (Error::TimedOut, Err(Error::Closed))),
        }
        clock.join().unwrap();
        channel.destroy();
    });
}
