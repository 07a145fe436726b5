//! How are HTTP messages, fields, URLs and cookies parsed? Nothing is decided here.

pub mod cookie;
pub mod date;
pub mod form;
pub mod head;
pub mod json;
pub mod list;
pub mod path;
pub mod search;
pub mod signed_cookie;
pub mod structured;
pub mod trace;
pub mod visitor;
