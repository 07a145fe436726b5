//! Requests to origins and to identity providers.

use super::body::Bodies;
use crate::error::Error;
use crate::http::date::Millis;
use crate::http::head::Edits;
use std::future::Future;

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The origin could not be reached, or closed the connection.
    Unreachable,
    /// It did not begin to respond in time.
    Timeout,
}

impl Failure {
    /// The failure of the origin behind an error, for requests that wait for the same response.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        match error {
            Error::OriginUnreachable | Error::OriginFailed => Some(Self::Unreachable),
            Error::OriginTimeout => Some(Self::Timeout),
            _ => None,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable => Self::OriginUnreachable,
            Failure::Timeout => Self::OriginTimeout,
        }
    }
}

/// A response whose body stays in JavaScript.
#[derive(Debug)]
pub struct Response<B> {
    /// Status and fields, packed: see [`crate::http::head::response`].
    pub packed: String,
    /// The handle of the response and its body.
    pub body: B,
}

/// Which parts of the visitor's request are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing: the request is Usher's own.
    Nothing,
    /// The fields.
    Fields,
    /// The fields and the body, streamed.
    Streamed,
    /// The fields and the buffered body, which can be sent again.
    Buffered,
}

/// A request to an origin.
#[derive(Debug, Clone, Copy)]
pub struct OriginRequest<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// The method.
    pub method: &'a str,
    /// Which parts of the visitor's request are forwarded.
    pub forward: Forward,
    /// Changes to the forwarded fields.
    pub edits: &'a Edits,
    /// Milliseconds until the response begins.
    pub deadline: Millis,
    /// Milliseconds between two chunks of the response at most; 0 = no limit.
    pub idle: Millis,
    /// The cache key for Cloudflare's Workers Cache, when that is enabled before the origin: JSON.
    pub workers_cache: Option<&'a str>,
    /// Whether `Host` is the visitor's host, where the platform supports it.
    pub visitor_host: bool,
}

/// A request to an identity provider; form and authorization are secret.
pub struct DocumentRequest<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// A form to post; without one the method is GET.
    pub form: Option<&'a str>,
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// Milliseconds until the whole document is received.
    pub deadline: Millis,
    /// The largest document, in bytes.
    pub most: usize,
}

/// An identity provider's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Status code; redirects are not followed.
    pub status: u16,
    /// The whole body.
    pub text: String,
}

/// Requests that leave the gateway.
pub trait Fetch: Bodies {
    /// Sends a request to an origin.
    fn fetch(&self, request: &OriginRequest<'_>) -> impl Future<Output = Result<Response<Self::Body>, Failure>>;

    /// Sends a request to one origin, and after `after` milliseconds without a response the same to a second one: the
    /// first response to begin, and whether it is the second's. The slower request is aborted.
    fn hedge(
        &self,
        first: &OriginRequest<'_>,
        after: Millis,
        second: &OriginRequest<'_>,
    ) -> impl Future<Output = (bool, Result<Response<Self::Body>, Failure>)>;

    /// Reads a document of an identity provider. Simultaneous requests without a form may share one.
    fn fetch_document(&self, request: &DocumentRequest<'_>) -> impl Future<Output = Result<Document, Failure>>;
}
