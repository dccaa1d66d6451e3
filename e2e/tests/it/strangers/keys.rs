//! Idempotency keys of strangers: another user's key, known to the letter, is nobody's.
//! Absent: a user's own repeats (see the module `contention`).

use e2e::{Result, Shop};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn another_users_key_replays_nothing_and_is_free() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let client = shop.client()?;
        let (ann, eve) = (client.user("ann").with_money("9").await?, client.user("eve").with_money("7").await?);
        let first = ann.place("1", Some("key")).await?.expect(201)?;
        for amount in ["1", "2"] {
            let key = if amount == "1" { "key" } else { "another" };
            ann.place(amount, Some(key)).await?.expect(201)?;
            let answer = eve.place(amount, Some(key)).await?;
            assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, None), "{answer:?}");
            assert_eq!((&answer.json()["user_id"], answer.json()["id"] == first["id"]), (&"eve".into(), false));
        }
        ann.top_up("3", Some("key")).await?.expect(200)?;
        let answer = eve.top_up("3", Some("key")).await?;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, None), "{answer:?}");
        assert_eq!((ann.all_orders().await?.len(), eve.all_orders().await?.len()), (2, 2));
        Ok(Arc::default())
    })
    .await
}
