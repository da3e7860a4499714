//! Every interleaving of what wakes a fiber. A carrier is a loom thread here, and what a fiber would
//! run between two suspensions is run by it directly: the switch of stacks has no part in the protocol.
//! Each model shows the invariant it is named for; with `ANTPOOL_MUTANT` set to that name it has to fail.

#![allow(unsafe_code, reason = "a node is made for an inbox that outlives it")]

use std::sync::Arc;

use super::carrier_group::CarrierGroup;
use super::node::{Inbox, Node};
use super::oneshot::Oneshot;
use super::slots::Rest;
use crate::clock::Deadline;
use crate::engine::idle::Idle;
use crate::suspend::Waker;
use crate::sync::{AtomicUsize, Ordering, explore, fence_in_models, mutant};

/// One fiber and its carrier.
struct World {
    inbox: Inbox,
    node: Node,
    /// What the fiber waits for.
    event: AtomicUsize,
}

// SAFETY: as in the engine: any thread may wake the node, and the inbox is only shared.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

/// Resumes the fiber of that node.
fn wake(node: &Node) {
    // SAFETY: a node begins with its waker, and lives longer than the model's threads.
    unsafe { Waker::wake(std::ptr::from_ref(node).cast()) };
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new_cyclic(|this: &std::sync::Weak<Self>| {
            // SAFETY: the inbox lies in the same allocation.
            let inbox = unsafe { &raw const (*this.as_ptr()).inbox };
            Self {
                inbox: Inbox::new(0),
                // SAFETY: it outlives the node, beside which it lies.
                node: unsafe { Node::new(inbox) },
                event: AtomicUsize::new(0),
            }
        })
    }

    fn wake(&self) {
        wake(&self.node);
    }

    /// What the fiber does: it waits until the event is there. As a carrier does it: suspended it goes
    /// on only when it is delivered. Gives how often it was.
    fn wait_for_event(&self) -> usize {
        let mut delivered = 0;
        while self.event.load(Ordering::Relaxed) == 0 {
            if !self.node.begin_suspension() {
                continue;
            }
            while !self.take_delivered() {
                self.inbox.parker.park_until(Deadline::NEVER);
            }
            delivered += 1;
            self.node.go_on();
        }
        delivered
    }

    fn take_delivered(&self) -> bool {
        let mut count = 0;
        self.inbox.take_woken(|node| {
            assert!(std::ptr::eq(node, &raw const self.node));
            count += 1;
        });
        assert!(count <= 1, "delivered twice");
        count == 1
    }
}

/// [F1] A wake meets a fiber that suspends itself: it sees the event, or is delivered to see it.
#[test]
fn f1_a_wake_is_not_lost_on_a_fiber_that_suspends_itself() {
    explore(3, || {
        let world = World::new();
        let waker = {
            let world = Arc::clone(&world);
            crate::sync::thread::spawn(move || {
                world.event.store(1, Ordering::Relaxed);
                world.wake();
            })
        };
        world.wait_for_event();
        waker.join().unwrap();
    });
}

/// [F2] Two who wake meet a carrier that falls asleep: it gets up, and the fiber is delivered once.
#[test]
fn f2_a_delivery_is_not_lost_on_a_carrier_that_falls_asleep() {
    explore(2, || {
        let world = World::new();
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                crate::sync::thread::spawn(move || {
                    world.event.store(1, Ordering::Relaxed);
                    world.wake();
                })
            })
            .collect();
        assert!(world.wait_for_event() <= 2);
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

/// [F2] Two fibers of a carrier that falls asleep are woken at the same time: both are delivered.
#[test]
fn f2_of_two_fibers_that_are_woken_none_is_lost() {
    explore(2, || {
        let world = World::new();
        // SAFETY: the inbox outlives the second node: it is looked at in this model only.
        let second = Arc::new(Second(unsafe { Node::new(&raw const world.inbox) }));
        assert!(world.node.begin_suspension() && second.0.begin_suspension());
        let one = {
            let world = Arc::clone(&world);
            crate::sync::thread::spawn(move || world.wake())
        };
        let two = {
            let second = Arc::clone(&second);
            crate::sync::thread::spawn(move || wake(&second.0))
        };
        let mut delivered = 0;
        while delivered < 2 {
            let before = delivered;
            world.inbox.take_woken(|_| delivered += 1);
            if delivered == before {
                world.inbox.parker.park_until(Deadline::NEVER);
            }
        }
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// [F3] A deadline meets a wake: the fiber is made ready by one of the two, not by both and not by
/// none.
#[test]
fn f3_of_a_deadline_and_a_wake_one_makes_the_fiber_ready() {
    explore(3, || {
        let world = World::new();
        assert!(world.node.begin_suspension());
        let waker = {
            let world = Arc::clone(&world);
            crate::sync::thread::spawn(move || world.wake())
        };
        // The carrier's wheel finds that its time has come.
        let by_deadline = world.node.become_ready();
        waker.join().unwrap();
        assert_ne!(by_deadline, world.take_delivered());
    });
}

/// A second fiber of the same carrier.
struct Second(Node);

// SAFETY: as for `World`.
unsafe impl Send for Second {}
// SAFETY: as above.
unsafe impl Sync for Second {}

/// What two carriers and a submitter share: slots at rest, and how many tasks are queued.
struct Yard {
    idle: Idle<Inbox>,
    rest: Rest<usize>,
    tasks: AtomicUsize,
    group: CarrierGroup,
    inbox: Arc<Inbox>,
}

impl Yard {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::with(1).expect("there is memory"),
            rest: Rest::new(1, u64::MAX).expect("there is memory"),
            tasks: AtomicUsize::new(0),
            group: CarrierGroup::default(),
            inbox: Arc::new(Inbox::new(0)),
        })
    }

    fn has_tasks(&self) -> bool {
        self.tasks.load(Ordering::SeqCst) > 0 // As a queue looks (Q4).
    }

    /// A carrier as it rests.
    fn register_sleeper(&self) {
        let must_look = || (self.has_tasks() && !self.rest.is_empty()) || self.group.is_shut_down();
        if self.idle.register_sleeper(&self.inbox, false, must_look) {
            self.inbox.parker.park_until(Deadline::NEVER);
            if !self.idle.sleep_timed_out(&self.inbox) {
                self.idle.end_search(|| false);
            }
        } else {
            self.idle.end_search(|| false);
        }
    }
}

/// [F4] A task is pushed while no slot is at rest, and a slot is brought by a carrier that will look at
/// nothing for long: the other carrier, on its way to sleep, runs the task.
#[test]
fn f4_a_task_without_a_slot_is_taken_when_one_is_brought() {
    explore(3, || {
        let yard = Yard::new();
        let pusher = {
            let yard = Arc::clone(&yard);
            crate::sync::thread::spawn(move || {
                yard.tasks.store(1, Ordering::SeqCst); // As a push ends (Q4).
                fence_in_models();
                yard.idle.task_pushed(|| false);
            })
        };
        let other = {
            let yard = Arc::clone(&yard);
            crate::sync::thread::spawn(move || {
                yard.rest.bring(0, Some(0), &yard.idle, || yard.has_tasks());
            })
        };
        // The slot first, then the task.
        while yard.rest.is_empty() || !yard.has_tasks() {
            yard.register_sleeper();
        }
        pusher.join().unwrap();
        other.join().unwrap();
    });
}

/// [F5] The last fiber leaves and another comes while a carrier looks for one: it leaves that one to its successors.
#[test]
fn f5_a_carrier_that_is_shut_down_takes_no_fiber_of_its_successors() {
    explore(3, || {
        let rest = Arc::new(Rest::new(1, u64::MAX).expect("there is memory"));
        let old = Arc::new(CarrierGroup::default());
        rest.lock().group = Some(Arc::clone(&old));
        let carrier = {
            let (rest, old) = (Arc::clone(&rest), Arc::clone(&old));
            crate::sync::thread::spawn(move || !old.is_shut_down() && rest.take_for(&old).is_some())
        };
        {
            let mut slots = rest.lock();
            slots.group = None;
            old.shut_down(0);
        }
        {
            let mut slots = rest.lock();
            slots.group = Some(Arc::default());
            rest.put(&mut slots, 1, 0);
        }
        assert!(!carrier.join().unwrap(), "the fiber is left behind");
    });
}

/// Carriers, and the slots that they serve.
struct Carriers {
    idle: Idle<Inbox>,
    rest: Rest<usize>,
    /// What each carrier does before it leaves.
    work: [AtomicUsize; 2],
    /// Groups of which the last carrier has left.
    ended: AtomicUsize,
}

impl Carriers {
    /// Grants a slot to a pool. True if that made a group, which the caller serves as its only carrier.
    fn grant(&self, slot: usize) -> (Arc<CarrierGroup>, bool) {
        let mut slots = self.rest.lock();
        let is_new = slots.group.is_none();
        let group = Arc::clone(slots.group.get_or_insert_default());
        if is_new {
            group.one_joins();
        }
        slots.granted += 1;
        self.rest.put(&mut slots, slot, 0);
        (group, is_new)
    }

    /// What a carrier does until its group is shut down: slots are released as soon as they have been used.
    fn serve(&self, group: &Arc<CarrierGroup>, carrier: usize, carriers: usize) {
        let inbox = Arc::new(Inbox::new(carrier));
        while !group.is_shut_down() {
            if let Some(slot) = self.rest.take_for(group) {
                if let Some(group) = self.rest.release() {
                    group.shut_down(slot);
                    self.idle.wake_all();
                }
                continue;
            }
            let must_look = || !self.rest.is_empty() || group.is_shut_down();
            if self.idle.register_sleeper(&inbox, false, must_look) {
                inbox.parker.park_until(Deadline::NEVER);
            }
            self.idle.end_search(|| false);
        }
        self.work[carrier].store(1, Ordering::Relaxed);
        if group.one_leaves().is_some() {
            self.ended.fetch_add(1, Ordering::Relaxed);
            for work in &self.work[..carriers] {
                assert_eq!(work.load(Ordering::Relaxed), 1, "a carrier is still there");
            }
        }
    }
}

/// [F6] Two carriers and the last slot, while another is granted: each group ends once, after its last carrier, and no slot is
/// left behind.
#[test]
fn f6_each_group_ends_once_and_leaves_no_slot() {
    explore(2, || {
        let world = Arc::new(Carriers {
            idle: Idle::with(2).expect("there is memory"),
            rest: Rest::new(2, u64::MAX).expect("there is memory"),
            work: Default::default(),
            ended: AtomicUsize::new(0),
        });
        let (group, _) = world.grant(0);
        group.one_joins();
        let carriers = [0, 1].map(|carrier| {
            let (world, group) = (Arc::clone(&world), Arc::clone(&group));
            crate::sync::thread::spawn(move || world.serve(&group, carrier, 2))
        });
        let (group, is_new) = world.grant(1);
        world.idle.task_pushed(|| false);
        if is_new {
            world.serve(&group, 0, 1);
        }
        for carrier in carriers {
            carrier.join().unwrap();
        }
        let groups = 1 + usize::from(is_new);
        assert_eq!(world.ended.load(Ordering::Relaxed), groups);
        assert!(world.rest.is_empty() && world.rest.lock().granted == 0);
    });
}

/// [F7] A call ends while its fiber begins to wait: the result is there when the fiber goes on.
#[test]
fn f7_the_result_of_a_call_is_received() {
    explore(3, || {
        let result = Arc::new(Oneshot::default());
        let sender = {
            let result = Arc::clone(&result);
            crate::sync::thread::spawn(move || result.send(Box::new(7)))
        };
        assert_eq!(*result.receive(), 7);
        sender.join().unwrap();
    });
}

/// [F5] The last fiber leaves while a carrier parks: it learns that it is not needed.
#[test]
fn f5_a_carrier_that_is_shut_down_does_not_sleep_on() {
    explore(3, || {
        let yard = Yard::new();
        yard.group.one_joins();
        let closer = {
            let yard = Arc::clone(&yard);
            crate::sync::thread::spawn(move || {
                yard.group.shut_down(0);
                if !mutant("F5") {
                    yard.idle.wake_all();
                }
            })
        };
        while !yard.group.is_shut_down() {
            yard.register_sleeper();
        }
        closer.join().unwrap();
    });
}
