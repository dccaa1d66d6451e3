//! Where a simulation takes the machine's place: it lets each step to the database take its own time, fail, or lose its answer, and
//! it draws whatever is random. Only with the feature `simulation`; without it these are the plain steps, and cost nothing.
//! Absent: what happens in such a world; the crate `simulation` has that.

#[cfg(feature = "simulation")]
pub use world::{Entered, World, enter};

#[cfg(not(feature = "simulation"))]
pub(crate) use plain::{after, at_once, before, connections};
#[cfg(feature = "simulation")]
pub(crate) use world::{after, at_once, before, connections, current};

/// A step that a unit of work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A unit of work begins.
    Begin,
    /// A statement.
    Statement,
    /// All of it is to be durable.
    Commit,
}

#[cfg(not(feature = "simulation"))]
mod plain {
    use super::Step;
    use sea_orm::DbErr;

    pub(crate) async fn before(_: Step) -> Result<(), DbErr> {
        Ok(())
    }

    pub(crate) fn at_once<F: Future>(real: F) -> F {
        real
    }

    pub(crate) async fn after(_: Step) -> Result<(), DbErr> {
        Ok(())
    }

    pub(crate) const fn connections(usual: u32) -> u32 {
        usual
    }
}

#[cfg(feature = "simulation")]
mod world {
    use super::Step;
    use futures_executor::block_on;
    use sea_orm::DbErr;
    use std::{cell::RefCell, fmt, pin::Pin, sync::Arc};
    use tokio::runtime::Handle;
    use uuid::Uuid;

    /// What a step's surroundings come to: nothing, or an error in the database's place. It need not come back at all.
    type Fate = Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send>>;

    /// A simulated world. All that runs in it runs on one thread.
    pub trait World: Send + Sync {
        /// The way to the database.
        fn before(&self, step: Step) -> Fate;

        /// The way back.
        fn after(&self, step: Step) -> Fate;

        /// A new id; greater than those before.
        fn id(&self) -> Uuid;

        /// Any number.
        fn number(&self) -> u64;

        /// Whose threads do the database's own chores.
        fn driver(&self) -> Handle;
    }

    thread_local! {
        static WORLD: RefCell<Option<Arc<dyn World>>> = const { RefCell::new(None) };
    }

    /// This thread is in a world until this is dropped.
    #[must_use]
    pub struct Entered(());

    impl fmt::Debug for Entered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Entered")
        }
    }

    impl Drop for Entered {
        fn drop(&mut self) {
            WORLD.take();
        }
    }

    /// Has this thread enter a world.
    pub fn enter(world: Arc<dyn World>) -> Entered {
        WORLD.replace(Some(world));
        Entered(())
    }

    pub(crate) fn current() -> Option<Arc<dyn World>> {
        WORLD.with_borrow(Clone::clone)
    }

    pub(crate) async fn before(step: Step) -> Result<(), DbErr> {
        match current() {
            Some(world) => world.before(step).await,
            None => Ok(()),
        }
    }

    /// The database itself takes no time of the world's: nothing else happens meanwhile, so the same seed is the same run however
    /// quick the machine is.
    pub(crate) async fn at_once<F: Future>(real: F) -> F::Output {
        match current() {
            Some(world) => {
                let driver = world.driver();
                let _entered = driver.enter();
                block_on(real)
            }
            None => real.await,
        }
    }

    /// All instances share a pool, and what they drop comes back to it late: nobody must wait for that.
    pub(crate) fn connections(usual: u32) -> u32 {
        if current().is_some() { usual * 4 } else { usual }
    }

    pub(crate) async fn after(step: Step) -> Result<(), DbErr> {
        match current() {
            Some(world) => world.after(step).await,
            None => Ok(()),
        }
    }
}
