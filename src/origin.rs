//! Which origin answers a request: its region, its pool, its health, and when to ask another one.

pub mod balance;
pub mod canary;
pub mod health;
pub mod replica;
pub mod retry;
pub mod selection;
pub mod shard;
pub mod steer;
