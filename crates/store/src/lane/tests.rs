//! The spine end to end on a simulated disk, with an engine small enough to see through.

mod basic;
mod crash;
mod engine;
mod faults;
mod machine;
