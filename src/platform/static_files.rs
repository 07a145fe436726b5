//! The files of `static/` (Workers static assets).

use super::body::Bodies;
use super::fetch::{Failure, Response};
use std::future::Future;

/// The static files.
pub trait StaticFiles: Bodies {
    /// A file by its path.
    fn file(&self, path: &str) -> impl Future<Output = Result<Response<Self::Body>, Failure>>;
}
