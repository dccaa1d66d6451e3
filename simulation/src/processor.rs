//! Which processor a world runs on: one. Its thread and those of its databases only ever wait for each other, and spread over two
//! they take twice as long. Absent: anything about what happens in the world; that is the same wherever it runs.

/// Has this thread, and those that it starts, stay on one processor; the next thread that asks gets the next one. Where that cannot be
/// had, they do without.
#[cfg(target_os = "linux")]
pub(crate) fn keep_to_one() {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use std::{
        cell::Cell,
        sync::atomic::{AtomicUsize, Ordering},
    };

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static KEPT: Cell<bool> = const { Cell::new(false) });
    if KEPT.replace(true) {
        return;
    }
    let Ok(ours) = sched_getaffinity(None) else { return };
    let processors: Vec<_> = (0..CpuSet::MAX_CPU).filter(|processor| ours.is_set(*processor)).collect();
    let mut one = CpuSet::new();
    one.set(processors[NEXT.fetch_add(1, Ordering::Relaxed) % processors.len()]);
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_to_one() {}
