//! The words of the protocol: what a message says, before anything is decided about it.

pub mod cookie;
pub mod date;
pub mod head;
pub mod json;
pub mod list;
pub mod path;
pub mod signed_cookie;
pub mod structured;
pub mod trace;
pub mod visitor;
