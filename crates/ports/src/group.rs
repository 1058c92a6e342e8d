//! Membership: which shards are mine, and who owns the others.

/// Where a shard lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    Myself,
    /// `host:port` of the process that owns it.
    Peer(String),
}

/// Ownership is an optimisation: safety comes from the catalog's create-if-absent.
pub trait Group: Send + Sync + 'static {
    /// Shards in all.
    fn shards(&self) -> u32;
    /// `None` while nobody owns it.
    fn owner(&self, shard: u32) -> Option<Owner>;
}

/// One process that owns everything.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    shards: u32,
}

impl Alone {
    pub fn new(shards: u32) -> Self {
        Self { shards }
    }
}

impl Group for Alone {
    fn shards(&self) -> u32 {
        self.shards
    }

    fn owner(&self, shard: u32) -> Option<Owner> {
        (shard < self.shards).then_some(Owner::Myself)
    }
}
