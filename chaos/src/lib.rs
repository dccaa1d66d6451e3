//! The fault run: the shop on real servers, all faults at once drawn from a seed, and the verdict on what clients saw meanwhile.
//!
//! Absent on purpose: anything that looks inside the shop, and repairs. What is pure (the plan, the checker, the sums) knows no clock.
//!
//! | part | what it does |
//! | --- | --- |
//! | [`Plan`](plan::Plan) | draws from the seed which fault strikes whom, when, and for how long |
//! | [`Lab`](lab::Lab) | servers, networks before them, three instances of each service of which two run |
//! | [`Broker`](broker::Broker) | RabbitMQ or Kafka: spoken to by a stranger, and made to fail |
//! | `clients` | buyers who insist, watchers who resume; all they do and see goes into the [`History`](history::History) |
//! | `inject` | strikes as planned, in four lanes that overlap |
//! | [`check`](check::check) | judges the history; the audit judges the books, [`Letters`](poison::Letters) the dead letters |
//! | [`Report`](report::Report) | says it in the words of the guarantees |

pub mod broker;
pub mod check;
pub mod clients;
pub mod crowd;
pub mod dice;
pub mod history;
pub mod inject;
pub mod lab;
pub mod options;
pub mod plan;
pub mod poison;
pub mod progress;
pub mod report;
pub mod run;
