//! What else Cloudflare knows of the connection.

/// The connection.
pub trait Network {
    /// A property of the request's `cf` object by its path, such as `asn` or `botManagement.score`; `None` when it is not
    /// there.
    fn network(&self, path: &str) -> Option<String>;
}
