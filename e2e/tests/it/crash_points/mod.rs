//! The matrix of the crash points: at each side of each boundary the process dies, the work fails, panics or stands still, under load.
//! Absent: the points, which stand in the code and only in builds for tests; servers that die (outages).

mod home;
mod life;
mod rows;
mod sources;

use e2e::Result;
use life::live;
use rows::World;

macro_rules! lives {
    ($($name:ident: $world:ident, $action:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() -> Result<()> {
            live(World::$world, $action).await
        })+
    };
}

lives! {
    an_embedded_shop_may_die_at_every_point: Embedded, "exit";
    an_embedded_shop_may_fail_at_every_point: Embedded, "error";
    an_embedded_shop_may_panic_at_every_point: Embedded, "panic";
    an_embedded_shop_may_stand_still_at_every_point: Embedded, "delay";
}

#[cfg(feature = "servers")]
lives! {
    an_instance_may_die_at_every_point: Servers, "exit";
    an_instance_may_fail_at_every_point: Servers, "error";
    an_instance_may_panic_at_every_point: Servers, "panic";
    an_instance_may_stand_still_at_every_point: Servers, "delay";
}

#[cfg(all(feature = "servers", feature = "kafka"))]
lives! {
    an_instance_on_kafka_may_die_at_every_point: Kafka, "exit";
    an_instance_on_kafka_may_fail_at_every_point: Kafka, "error";
    an_instance_on_kafka_may_panic_at_every_point: Kafka, "panic";
    an_instance_on_kafka_may_stand_still_at_every_point: Kafka, "delay";
}
