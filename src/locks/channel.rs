//! A bounded channel, and a choice among several.

#![allow(
    unsafe_code,
    reason = "lists of entries on the stacks of their callers; a channel is freed by whoever destroys it"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::clock::Deadline;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::memory::try_box;
use crate::suspend::Parker;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, mutant};

/// The most cases of one choice, as ANTPOOL_CHAN_CASES_MAX says.
pub(crate) const CASES_MAX: usize = 32;

/// No case is chosen yet.
const NONE: usize = usize::MAX;

/// See the README beside this file.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The process it was made in.
    born: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    is_closed: bool,
    capacity: usize,
    /// A ring of `capacity` values.
    values: Box<[*mut c_void]>,
    first: usize,
    count: usize,
    senders: List,
    receivers: List,
}

// SAFETY: the values are the callers', who may have them on any thread; the entries are reached under the lock, and stay
// until their callers have taken it.
unsafe impl Send for Inner {}

/// Entries, first come first.
#[derive(Debug)]
struct List {
    first: *const Entry,
    last: *const Entry,
}

/// One case of a choice that waits, on its caller's stack. Used under the lock of its channel.
#[derive(Debug)]
struct Entry {
    choice: *const Choice,
    case: usize,
    /// What is sent, or has been received.
    value: Cell<*mut c_void>,
    is_listed: Cell<bool>,
    next: Cell<*const Entry>,
    previous: Cell<*const Entry>,
}

/// A caller that waits, with all its entries.
#[derive(Debug)]
struct Choice {
    parker: Parker,
    chosen: AtomicUsize,
    /// Whether it was chosen by a close. Written under the lock of the chosen channel.
    by_close: Cell<bool>,
}

/// What a caller can do with one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    /// `None` is never ready.
    pub(crate) channel: Option<&'a Channel>,
    pub(crate) sends: bool,
    /// What is sent, or has been received.
    pub(crate) value: *mut c_void,
}

impl List {
    const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
        }
    }

    fn add(&mut self, entry: &Entry) {
        entry.is_listed.set(true);
        entry.previous.set(self.last);
        // SAFETY: a listed entry stays: its caller takes the lock before it leaves.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(entry),
            None => self.first = entry,
        }
        self.last = entry;
    }

    fn remove(&mut self, entry: &Entry) {
        if !entry.is_listed.replace(false) {
            return;
        }
        let (previous, next) = (entry.previous.get(), entry.next.get());
        // SAFETY: as in `add`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `add`.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
    }

    /// Takes the first whose caller has chosen nothing yet, and chooses it. The caller of this has the lock, and wakes it
    /// by `end`.
    fn choose<'a>(&mut self) -> Option<&'a Entry> {
        loop {
            // SAFETY: as in `add`; the caller of this keeps the lock while it uses it.
            let entry = unsafe { self.first.as_ref() }?;
            self.remove(entry);
            // SAFETY: as above; the choice stays as long as its entries.
            let choice = unsafe { &*entry.choice };
            // ORDERING: Relaxed [N1]; of several that choose one wins, and what it writes is under a lock that the woken
            // caller takes.
            let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
            let chosen = choice.chosen.compare_exchange(NONE, entry.case, won, lost);
            if chosen.is_ok() || mutant("N1") {
                return Some(entry);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_null()
    }
}

impl Entry {
    /// Wakes its caller, under the lock, so that a fiber cannot come to its end meanwhile.
    fn end(&self, by_close: bool) {
        // SAFETY: as in `List::choose`.
        let choice = unsafe { &*self.choice };
        choice.by_close.set(by_close);
        choice.parker.unpark();
    }
}

impl Inner {
    fn push(&mut self, value: *mut c_void) {
        let at = (self.first + self.count) % self.capacity;
        self.values[at] = value;
        self.count += 1;
    }

    fn pop(&mut self) -> *mut c_void {
        let value = self.values[self.first];
        self.first = (self.first + 1) % self.capacity;
        self.count -= 1;
        value
    }

    /// Does it now, if that is possible.
    fn try_case(&mut self, case: &mut Case<'_>) -> Option<Result<(), Error>> {
        if case.sends {
            self.try_send(case.value)
        } else {
            let received = self.try_receive()?;
            Some(received.map(|value| case.value = value))
        }
    }

    fn try_send(&mut self, value: *mut c_void) -> Option<Result<(), Error>> {
        if self.is_closed {
            return Some(Err(Error::Closed));
        }
        if let Some(receiver) = self.receivers.choose() {
            receiver.value.set(value);
            receiver.end(false);
        } else if self.count < self.capacity {
            self.push(value);
        } else {
            return None;
        }
        Some(Ok(()))
    }

    fn try_receive(&mut self) -> Option<Result<*mut c_void, Error>> {
        if self.count > 0 {
            let value = self.pop();
            // There is room for the first that waits for it.
            if let Some(sender) = self.senders.choose() {
                self.push(sender.value.get());
                sender.end(false);
            }
            return Some(Ok(value));
        }
        if let Some(sender) = self.senders.choose() {
            let value = sender.value.get();
            sender.end(false);
            return Some(Ok(value));
        }
        self.is_closed.then_some(Err(Error::Closed))
    }

    fn list(&mut self, sends: bool) -> &mut List {
        if sends {
            &mut self.senders
        } else {
            &mut self.receivers
        }
    }
}

impl Channel {
    /// An empty one; [`Channel::destroy`] takes it back.
    pub(crate) fn make(capacity: usize) -> Result<*mut Self, Error> {
        fork::watch();
        let mut values = Vec::new();
        values.try_reserve_exact(capacity)?;
        values.resize(capacity, ptr::null_mut());
        let channel = try_box(Self {
            born: fork::generation(),
            inner: Mutex::new(Inner {
                is_closed: false,
                capacity,
                values: values.into_boxed_slice(),
                first: 0,
                count: 0,
                senders: List::new(),
                receivers: List::new(),
            }),
        })?;
        Ok(Box::into_raw(channel))
    }

    /// Whether it belongs to the parent of this process.
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// Nothing more is sent. Whoever waits is told.
    pub(crate) fn close(&self) {
        let _errno = Errno::kept();
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        while let Some(entry) = inner.senders.choose() {
            entry.end(true);
        }
        while let Some(entry) = inner.receivers.choose() {
            entry.end(true);
        }
    }

    /// Frees it, unless somebody waits.
    ///
    /// # Safety
    /// [`Channel::make`] made it, and unless this fails no other call uses it any more.
    pub(crate) unsafe fn destroy(this: *mut Self) -> Result<(), Error> {
        let _errno = Errno::kept();
        {
            // SAFETY: the caller's promise.
            let inner = unsafe { &*this }.inner.lock();
            if !inner.senders.is_empty() || !inner.receivers.is_empty() {
                return Err(Error::Busy);
            }
        }
        // SAFETY: made in such a box, and nobody has it any more.
        drop(unsafe { Box::from_raw(this) });
        Ok(())
    }
}

/// The locks of all channels of some cases, taken in the order of their addresses, each once.
struct Locked<'a, const N: usize> {
    guards: [Option<MutexGuard<'a, Inner>>; N],
    /// Which guard belongs to a case.
    of: [usize; N],
}

impl<'a, const N: usize> Locked<'a, N> {
    fn new(cases: &[Case<'a>]) -> Self {
        let address = |case: usize| cases[case].channel.map_or(ptr::null(), ptr::from_ref);
        let mut order: [usize; N] = std::array::from_fn(|case| case);
        let order = &mut order[..cases.len()];
        order.sort_unstable_by_key(|&case| address(case));
        let mut locked = Self {
            guards: [const { None }; N],
            of: [0; N],
        };
        let mut before = None;
        for &case in &*order {
            let at = match before {
                Some(before) if address(before) == address(case) => locked.of[before],
                _ => case,
            };
            if at == case {
                locked.guards[case] = cases[case].channel.map(|channel| channel.inner.lock());
            }
            locked.of[case] = at;
            before = Some(case);
        }
        locked
    }

    fn inner(&mut self, case: usize) -> Option<&mut Inner> {
        self.guards[self.of[case]].as_deref_mut()
    }
}

/// Does the first of the cases that can be done, or waits until one can. Says which, and how it went. There are at most
/// `N` of them.
pub(crate) fn choose<const N: usize>(
    cases: &mut [Case<'_>],
    deadline: Option<Deadline>,
) -> (Option<usize>, Result<(), Error>) {
    let _errno = Errno::kept();
    let mut locked = Locked::<N>::new(cases);
    for (at, case) in cases.iter_mut().enumerate() {
        if let Some(result) = locked.inner(at).and_then(|inner| inner.try_case(case)) {
            return (Some(at), result);
        }
    }
    let Some(deadline) = deadline else {
        return (None, Err(Error::Overload));
    };
    if mutant("N2") {
        drop(locked);
        locked = Locked::<N>::new(cases);
    }
    let choice = Choice {
        parker: Parker::default(),
        chosen: AtomicUsize::new(NONE),
        by_close: Cell::new(false),
    };
    let entries: [Entry; N] = std::array::from_fn(|case| Entry {
        choice: &raw const choice,
        case,
        value: Cell::new(cases.get(case).map_or(ptr::null_mut(), |case| case.value)),
        is_listed: Cell::new(false),
        next: Cell::new(ptr::null()),
        previous: Cell::new(ptr::null()),
    });
    // [N2] Listed everywhere under the locks that have seen that nothing can be done.
    for (at, case) in cases.iter().enumerate() {
        if let Some(inner) = locked.inner(at) {
            inner.list(case.sends).add(&entries[at]);
        }
    }
    drop(locked);
    choice.parker.park_until(deadline);
    let mut locked = Locked::<N>::new(cases);
    for (at, case) in cases.iter().enumerate() {
        if let Some(inner) = locked.inner(at) {
            inner.list(case.sends).remove(&entries[at]);
        }
    }
    // ORDERING: Relaxed; whoever chose had one of the locks.
    match choice.chosen.load(Ordering::Relaxed) {
        NONE => (None, Err(Error::TimedOut)),
        chosen if choice.by_close.get() => (Some(chosen), Err(Error::Closed)),
        chosen => {
            cases[chosen].value = entries[chosen].value.get();
            (Some(chosen), Ok(()))
        }
    }
}

/// See the README beside this file.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use super::*;
    use crate::sync::explore;

    /// [N1] Of two that find one choice, in two channels, one serves it. (Without its caller: loom takes a thread that is
    /// woken for one that may go on although it waits for a lock.)
    #[test]
    fn n1_a_choice_is_served_once() {
        explore(3, || {
            let channel = || {
                // SAFETY: it was just made, and is not freed.
                unsafe { &*Channel::make(0).expect("there is memory") }
            };
            let channels = [channel(), channel()];
            let choice = Box::leak(Box::new(Choice {
                parker: Parker::default(),
                chosen: AtomicUsize::new(NONE),
                by_close: Cell::new(false),
            }));
            for (case, channel) in channels.iter().enumerate() {
                let entry = Box::leak(Box::new(Entry {
                    choice: &raw const *choice,
                    case,
                    value: Cell::new(ptr::null_mut()),
                    is_listed: Cell::new(false),
                    next: Cell::new(ptr::null()),
                    previous: Cell::new(ptr::null()),
                }));
                channel.inner.lock().receivers.add(entry);
            }
            let serves = |channel: &Channel| channel.inner.lock().receivers.choose().is_some();
            let other = channels[1];
            let other = crate::sync::thread::spawn(move || serves(other));
            let own = serves(channels[0]);
            assert!(own != other.join().unwrap(), "served by both or by none");
        });
    }
}
