//! The actors of the service, each built from what all of them share. Absent: which of them there are, and their order (app.rs).

use crate::{
    deadline::{ANSWERS_FIRST, Deadline},
    http::Sockets,
    mark::Mark,
    metrics::{OrderMetrics, PushMetrics},
    overdue::Overdue,
    placing::{Placing, PlacingHandle},
    pushing::{
        Announcer, Listening, Recent,
        hub::{HubHandle, SocketLimits},
    },
    settling::{Settling, SettlingHandle},
    timeline::Timelines,
    under_way::UnderWay,
    waiting::Waiting,
};
use launch::{Housekeeping, ShopOptions, TakesWrites, Vacuumed};
use messaging::{
    Metrics, Pair,
    broker::{Broker, ORDERS_PAYMENT_RESULTS},
    consumer::{Consumer, ConsumerHandle, Pairing},
    relay::Relay,
};
use std::sync::Arc;
use store::{Clock, Store, chance};
use supervision::{Repeater, RepeaterHandle, Step, Vitals};
use telemetry::Tracer;

/// What nearly every actor is built from.
pub(crate) struct Foundation {
    pub store: Store,
    pub reads: Store,
    pub broker: Arc<dyn Broker>,
    pub clock: Clock,
    pub tracer: Tracer,
    pub vitals: Vitals,
    pub metrics: Metrics,
    pub relay: Relay,
    pub pair: Pair,
}

impl Foundation {
    fn repeat<S: Step + Clone + 'static>(&self, name: &'static str, step: S) -> RepeaterHandle {
        Repeater::start(name, &self.vitals, move || step.clone())
    }

    pub fn placing(&self, options: &ShopOptions, announcer: &Announcer) -> PlacingHandle {
        let placing = Placing {
            store: self.store.clone(),
            relay: self.relay.clone(),
            clock: self.clock.clone(),
            currency: options.currency,
            pay_within: options.pay_within(),
            mark: Mark::of(announcer.instance),
            under_way: announcer.under_way.clone(),
        };
        PlacingHandle::start(placing, &self.vitals)
    }

    pub fn announcer(&self, options: &ShopOptions, pushes: &PushMetrics, under_way: UnderWay) -> Announcer {
        let limits = SocketLimits { instance: options.max_sockets, user: options.max_sockets_per_user };
        Announcer {
            hub: HubHandle::start(limits, pushes.clone(), self.tracer.clone()),
            broker: self.broker.clone(),
            clock: self.clock.clone(),
            instance: chance::id(),
            pair: self.pair.clone(),
            recent: Recent::default(),
            under_way,
        }
    }

    pub fn sockets(&self, options: &ShopOptions, announcer: &Announcer, metrics: PushMetrics) -> Sockets {
        Sockets {
            hub: announcer.hub.clone(),
            store: self.reads.clone(),
            clock: self.clock.clone(),
            metrics,
            allowed_origins: options.allowed_origins.as_slice().into(),
            age: options.socket_age,
        }
    }

    pub fn timelines(&self) -> Timelines {
        Timelines { store: self.reads.clone(), clock: self.clock.clone(), broker: self.broker.reachable() }
    }

    pub fn settling(&self, announcer: Announcer, metrics: OrderMetrics) -> SettlingHandle {
        let settling = Settling {
            store: self.store.clone(),
            relay: self.relay.clone(),
            clock: self.clock.clone(),
            metrics,
            announcer,
            tracer: self.tracer.clone(),
        };
        SettlingHandle::start(settling, &self.vitals)
    }

    pub fn listening(&self, announcer: Announcer) -> RepeaterHandle {
        self.repeat("push-listener", Listening(announcer))
    }

    pub fn waiting(&self, metrics: OrderMetrics) -> RepeaterHandle {
        self.repeat("waiting", Waiting::new(self.store.clone(), self.clock.clone(), metrics))
    }

    pub fn deadline(&self, options: &ShopOptions, settling: &SettlingHandle) -> RepeaterHandle {
        let pay_within = options.pay_within();
        let deadline = Deadline::new(self.store.clone(), self.clock.clone(), settling.clone(), pay_within);
        self.repeat("deadline", deadline.patient(pay_within.min(ANSWERS_FIRST)))
    }

    pub fn overdue(&self, settling: &SettlingHandle) -> RepeaterHandle {
        let reachable = self.broker.reachable();
        self.repeat("overdue", Overdue::new(self.store.clone(), self.clock.clone(), settling.clone(), reachable))
    }

    pub fn consumer(&self, settling: &SettlingHandle) -> ConsumerHandle {
        let consumer = Consumer {
            broker: self.broker.clone(),
            queue: ORDERS_PAYMENT_RESULTS,
            handle: Arc::new(settling.clone()),
            store: self.store.clone(),
            pair: self.pair.clone(),
            pairing: Pairing::AfterAnswer,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            tracer: self.tracer.clone(),
        };
        consumer.start(&self.vitals)
    }

    pub fn housekeeping(&self, options: &ShopOptions, takes_writes: TakesWrites) -> RepeaterHandle {
        let housekeeping = Housekeeping {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            inbox_retention: options.inbox_retention(),
            reachable: self.broker.reachable(),
            takes_writes,
            vacuumed: Vacuumed::default(),
        };
        self.repeat("housekeeping", housekeeping)
    }
}
