//! Where a shop lives that is struck: opened there, reached through its broker from outside, where poison is put and looked for.
//! Absent: the faults (life).

use super::rows::World;
use anyhow::bail;
use e2e::{Result, Shop};
#[cfg(all(feature = "servers", feature = "kafka"))]
use {
    anyhow::anyhow,
    e2e::{Books, until},
    fixtures::kafka::MockKafka,
    gozon::{databases::Databases, dead},
    store::Clock,
};
#[cfg(feature = "servers")]
use {
    anyhow::ensure,
    e2e::{Plan, broker::Topology},
};

/// What the shop does within seconds, so that what is left lying about is found while the test looks.
const HASTE: &str = "relay::lease=return(3000);parking::lease=return(3000);housekeeping::every=return(500)";
/// Where it is also tested what happens to orders that are paid or answered late: in the embedded shop.
const IMPATIENCE: &str = "overdue::silence=return(2000);overdue::every=return(500)";
const PAY_WITHIN_SECONDS: &str = "2";
/// What nobody can read.
#[cfg(feature = "servers")]
const POISON: &str = "not json";
/// Both services' groups with what they consume.
#[cfg(all(feature = "servers", feature = "kafka"))]
const GROUPS: [(&str, &str); 2] =
    [("gozon.payments", "gozon.payments.requests"), ("gozon.orders", "gozon.orders.payment-results")];

/// The shop's broker, as somebody has it who is not of the shop.
pub(super) enum Broker {
    /// In the shop's process.
    Memory,
    #[cfg(feature = "servers")]
    RabbitMq(Topology),
    #[cfg(all(feature = "servers", feature = "kafka"))]
    Kafka(MockKafka, Books),
}

/// Opens a shop in this world.
pub(super) async fn open(world: World) -> Result<(Shop, Broker)> {
    match world {
        World::Embedded => {
            let faults = format!("{HASTE};{IMPATIENCE}");
            let variables = [("FAILPOINTS", faults.as_str()), ("PAY_WITHIN_SECONDS", PAY_WITHIN_SECONDS)];
            Ok((Shop::embedded_with(&variables).await?, Broker::Memory))
        }
        #[cfg(feature = "servers")]
        World::Servers => {
            let shop = hasty(Plan::of(1, 1)).open().await?;
            let broker = Broker::RabbitMq(shop.broker()?.clone());
            Ok((shop, broker))
        }
        #[cfg(all(feature = "servers", feature = "kafka"))]
        World::Kafka => {
            let (mock, plan) = crate::kafka::mocked(1).await?;
            let shop = hasty(plan).open().await?;
            let broker = Broker::Kafka(mock, shop.books.clone());
            Ok((shop, broker))
        }
        #[cfg(not(all(feature = "servers", feature = "kafka")))]
        _ => bail!("{world:?} needs the features servers and kafka"),
    }
}

#[cfg(feature = "servers")]
fn hasty(plan: Plan) -> Plan {
    Plan { variables: vec![("FAILPOINTS", HASTE.to_owned())], ..plan }
}

impl Broker {
    /// Puts a message there that nobody can read.
    pub async fn poison(&self) -> Result<()> {
        match self {
            Self::Memory => bail!("the broker in the process takes no messages from outside"),
            #[cfg(feature = "servers")]
            Self::RabbitMq(topology) => {
                let visitor = topology.visit().await?;
                visitor.publish("payment.requested", POISON.as_bytes(), lapin::BasicProperties::default()).await?;
                visitor.leave().await
            }
            #[cfg(all(feature = "servers", feature = "kafka"))]
            Self::Kafka(mock, _) => {
                let mock = mock.clone();
                let put = move || mock.put("gozon.payments.requests", POISON.as_bytes());
                tokio::task::spawn_blocking(put).await?.map_err(|error| anyhow!(error))
            }
        }
    }

    /// Every message was handled, and the poison is where an operator finds it, perhaps more than once, and nowhere else.
    pub async fn is_drained(&self, poisoned: usize) -> Result<()> {
        match self {
            Self::Memory if poisoned == 0 => Ok(()),
            Self::Memory => bail!("nobody can have put poison there"),
            #[cfg(feature = "servers")]
            Self::RabbitMq(topology) => are_the_poison(&taken(topology).await?, poisoned),
            #[cfg(all(feature = "servers", feature = "kafka"))]
            Self::Kafka(mock, books) => {
                for (group, topic) in GROUPS {
                    no_more_to_be_handled(mock, group, topic).await?;
                }
                are_the_poison(&kept(mock, books).await?, poisoned)
            }
        }
    }
}

#[cfg(feature = "servers")]
fn are_the_poison(letters: &[String], poisoned: usize) -> Result<()> {
    ensure!(letters.iter().all(|letter| letter == POISON), "a letter that should not be dead: {letters:?}");
    ensure!(letters.len() >= poisoned, "of {poisoned} poisoned messages {} were kept", letters.len());
    Ok(())
}

/// Takes all dead letters out of RabbitMQ.
#[cfg(feature = "servers")]
async fn taken(topology: &Topology) -> Result<Vec<String>> {
    let visitor = topology.visit().await?;
    visitor.until_depth("payments.requests", 0).await?;
    let mut letters = Vec::new();
    while let Some(letter) = visitor.take("payments.requests.dead").await? {
        letters.push(letter);
    }
    visitor.leave().await?;
    Ok(letters)
}

/// Waits until the group has passed everything.
#[cfg(all(feature = "servers", feature = "kafka"))]
async fn no_more_to_be_handled(mock: &MockKafka, group: &'static str, topic: &'static str) -> Result<()> {
    until(&format!("{group} to be at the end of {topic}"), || async move {
        let mock = mock.clone();
        let left = tokio::task::spawn_blocking(move || mock.left(group, topic)).await?;
        Ok(left.map_err(|error| anyhow!(error))? == 0)
    })
    .await
}

/// All dead letters of the shop, as an operator lists them.
#[cfg(all(feature = "servers", feature = "kafka"))]
async fn kept(mock: &MockKafka, books: &Books) -> Result<Vec<String>> {
    let broker = dead::Broker::start(&format!("kafka://{}", mock.servers), "")?;
    let databases = Databases::open(books.urls()).await?;
    let places = dead::Places { databases, broker: Some(broker), clock: Clock::system() };
    let letters = places.list().await;
    places.close().await;
    Ok(letters?.into_iter().map(|letter| String::from_utf8_lossy(&letter.body).into_owned()).collect())
}
