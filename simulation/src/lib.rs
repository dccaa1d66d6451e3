//! Both services, several instances each, in a world in which time, chance and every fault come from a seed: the same seed is the
//! same run. Real are all actors, the relay, the inbox, the sagas, the accounts, and SQL on SQLite; the broker is one of our own, in
//! memory, and worse than any real one.
//!
//! Absent: HTTP and sockets, PostgreSQL and RabbitMQ; the system tests and the chaos runs have those.
//!
//! | where | what |
//! | --- | --- |
//! | `world` | dice, time, weather: which faults this seed has, and how often; what happens at a step to the database |
//! | `post`, `connection` | the broker, of either kind, and each instance's way to it |
//! | `house` | the instances, which die, stand still, and start again |
//! | `events` | what happens from outside |
//! | `buyers` | who orders, and what they were told |
//! | `laws` | the verdict |

mod buyers;
mod connection;
mod events;
mod fault;
mod house;
mod laws;
mod post;
mod processor;
mod run;
mod world;

pub use fault::{Counts, Fault};
pub use post::Transport;
pub use run::{Machine, Outcome};
use std::panic;

/// Panics that the world makes are no news; others are printed as ever.
pub fn quiet_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&world::SIMULATED_PANIC) {
            usual(panic);
        }
    }));
}
