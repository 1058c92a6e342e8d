//! Bounds, each with a name: sizes and durations as people write them, rates per tenant, the memory budget, the budget of a query.
//!
//! Pure: time comes in as an argument, memory is counted by whoever reserves it. Doors and pipelines ask here before they take work;
//! nothing here sheds work by itself.

pub mod memory;
pub mod query;
pub mod rate;
pub mod units;

pub use memory::{MemoryGuard, OverBudget, Reservation};
pub use query::{QueryBudget, QueryStopped};
pub use rate::{TenantRate, TenantRates};
pub use units::{BadUnit, ByteSize, Span};
