//! Which instance placed an order: the order's id says so. So an instance knows its own orders wherever they are settled, however many
//! there are and however long it took, and remembers none of them.
//! Absent: asking it for anything that must be right. Two instances may be marked alike, and one that starts again is another.

use saga::OrderId;
use store::chance;
use uuid::Uuid;

/// An instance's mark: the last two bytes of its orders' ids, which a UUIDv7 leaves to chance. Ids stay as unique as they were: those of
/// one process by their counter, those of two by its random start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 2]);

impl Mark {
    /// The mark that this id ends with: an instance's own, a UUIDv7 itself, or that of one of its orders.
    pub fn of(id: Uuid) -> Self {
        Self(id.as_bytes().last_chunk().copied().unwrap_or_default())
    }

    /// A new order's id.
    pub fn order_id(self) -> OrderId {
        let mut id = chance::id().into_bytes();
        if let Some(tail) = id.last_chunk_mut() {
            *tail = self.0;
        }
        OrderId::new(Uuid::from_bytes(id))
    }

    /// Whether this instance has placed the order.
    pub fn is_on(self, order: OrderId) -> bool {
        Self::of(order.uuid()) == self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Mark = Mark([1, 2]);
    const OTHER: Mark = Mark([1, 3]);

    #[test]
    fn an_instance_knows_its_own_orders() {
        let order = ONE.order_id();
        assert!(ONE.is_on(order) && !OTHER.is_on(order));
    }

    #[test]
    fn ids_stay_uuids_of_version_7_that_grow() {
        let ids: Vec<_> = std::iter::repeat_with(|| ONE.order_id()).take(1_000).collect();
        assert!(
            ids.iter().all(|id| id.uuid().get_version_num() == 7 && id.uuid().get_variant() == uuid::Variant::RFC4122)
        );
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn an_instances_mark_is_the_end_of_its_id() {
        let id = Uuid::now_v7();
        let other = Uuid::from_u128(id.as_u128() ^ 1);
        assert!(Mark::of(id) == Mark::of(id) && Mark::of(id) != Mark::of(other));
        assert_eq!(Mark::of(Mark::of(id).order_id().uuid()), Mark::of(id));
    }
}
