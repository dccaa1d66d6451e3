//! What happens from outside, at any moment: instances die and stand still, connections break, the broker goes away and comes back
//! without its data, somebody writes nonsense. Absent: what goes wrong at a step of the services (world).

use crate::{
    fault::Fault,
    house::House,
    laws,
    post::Post,
    world::{InstanceId, World},
};
use anyhow::Result;
use messaging::{
    Ends, Letter,
    broker::{ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS, QUEUES},
};
use saga::{
    Currency, TransactionId,
    messages::{PaymentDeclined, PaymentSucceeded},
    order::DeclineReason,
};
use std::{rc::Rc, sync::Arc, time::Duration};
use store::chance;
use tokio::{sync::mpsc::UnboundedReceiver, task::spawn_local, time::sleep};

/// Between two events, at most.
const EVERY_MS: u64 = 1_000;
/// How long a dead instance stays dead, at most: longer than the lease of what it had taken.
const DEAD_MS: u64 = 18_000;
/// How long a connection is broken, at most.
const CUT_MS: u64 = 4_000;
/// How long the broker may be away: longer than the payment's deadline.
const AWAY_MS: u64 = 25_000;
/// How long it may block publishers: longer than they wait.
const BLOCKED_MS: u64 = 15_000;
/// How long an instance may stand still: longer than its leases.
const FROZEN_MS: u64 = 18_000;

/// Something that can happen.
const EVENTS: [Fault; 9] = [
    Fault::Killed,
    Fault::Frozen,
    Fault::Cut,
    Fault::Dealt,
    Fault::Blocked,
    Fault::Away,
    Fault::Emptied,
    Fault::Poison,
    Fault::Opposite,
];

/// Whoever makes it happen.
pub struct Events {
    pub(crate) world: Arc<World>,
    pub(crate) house: Rc<House>,
    pub(crate) post: Arc<Post>,
}

impl Events {
    /// Goes on until it is dropped.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub async fn happen(&self) -> Result<()> {
        let possible: Vec<_> = EVENTS.into_iter().filter(|event| self.world.has(*event)).collect();
        loop {
            self.world.wait_up_to(EVERY_MS).await;
            if let Some(event) = self.world.one_of(&possible).copied() {
                self.event(event).await?;
            }
        }
    }

    /// Takes away the instances that die by themselves, and starts them again.
    pub async fn bury(house: Rc<House>, world: Arc<World>, mut killed: UnboundedReceiver<InstanceId>) {
        while let Some(instance) = killed.recv().await {
            kill(&house, &world, instance);
        }
    }

    async fn event(&self, event: Fault) -> Result<()> {
        let Self { world, house, post } = self;
        let instance = world.one_of(&house.instances()).copied().unwrap_or_default();
        match event {
            Fault::Killed if kill(house, world, instance) => world.happened(event),
            Fault::Frozen if house.freeze(instance, Duration::from_millis(world.below(FROZEN_MS))) => {
                world.happened(event)
            }
            Fault::Cut if self.cut(instance, Duration::from_millis(world.below(CUT_MS))) => world.happened(event),
            Fault::Dealt if post.deal_anew() => world.happened(event),
            Fault::Blocked => {
                world.happened(event);
                post.block(Duration::from_millis(world.below(BLOCKED_MS)));
            }
            Fault::Away | Fault::Emptied => {
                world.happened(event);
                let span = Duration::from_millis(world.below(AWAY_MS));
                for instance in house.instances() {
                    self.cut(instance, span);
                }
                if event == Fault::Emptied {
                    post.empty();
                }
            }
            Fault::Poison => {
                world.happened(event);
                let queue = world.one_of(&QUEUES).copied().unwrap_or(PAYMENTS_REQUESTS);
                let poison = world.one_of(&POISON).copied().unwrap_or_default();
                post.forge(queue, poison.to_vec(), true);
            }
            Fault::Opposite => self.contradict().await?,
            _ => {}
        }
        Ok(())
    }

    /// `false` when the instance is dead anyway.
    fn cut(&self, instance: InstanceId, span: Duration) -> bool {
        let Some(connection) = self.house.connection(instance) else { return false };
        connection.cut();
        self.world.note(format_args!("instance {instance} is cut off for {span:?}"));
        spawn_local(async move {
            sleep(span).await;
            connection.mend();
        });
        true
    }

    /// Somebody says the opposite of what has become of an order.
    async fn contradict(&self) -> Result<()> {
        let orders = laws::orders(&self.house.orders).await?;
        let decided: Vec<_> = orders.into_iter().filter(|order| order.status != "NEW").collect();
        let Some(order) = self.world.one_of(&decided) else { return Ok(()) };
        let (order_id, user_id, amount_minor) = (order.id, order.user.clone(), order.amount);
        let (currency, now) = (Currency::RUB, self.world.now());
        let letter = if order.status == "FINISHED" {
            let reason = DeclineReason::InsufficientFunds;
            Letter::seal(
                &PaymentDeclined { order_id, user_id, amount_minor, currency, reason },
                now,
                Ends::default(),
                None,
            )
        } else {
            let transaction_id = TransactionId::new(chance::id());
            Letter::seal(
                &PaymentSucceeded { order_id, user_id, amount_minor, currency, transaction_id },
                now,
                Ends::default(),
                None,
            )
        };
        self.world.happened(Fault::Opposite);
        self.post.forge(ORDERS_PAYMENT_RESULTS, letter.body.into_bytes(), false);
        Ok(())
    }
}

/// What can never be handled, whoever gets it.
const POISON: [&[u8]; 6] = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    br#"{"specversion":"1.0"}"#,
    br#"{"specversion":"1.0","id":"018f0000-0000-7000-8000-000000000000","source":"/x","type":"gozon.payment.requested.v9","data":{}}"#,
    br#"{"specversion":"1.0","id":"018f0000-0000-7000-8000-000000000000","source":"/x","type":"gozon.order.unheard-of.v1","data":{}}"#,
];

fn kill(house: &Rc<House>, world: &Arc<World>, instance: InstanceId) -> bool {
    if !house.kill(instance) {
        return false;
    }
    let (house, span) = (house.clone(), Duration::from_millis(world.below(DEAD_MS)));
    spawn_local(async move {
        sleep(span).await;
        house.start(instance);
    });
    true
}
