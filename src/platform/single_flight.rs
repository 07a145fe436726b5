//! Single flight: one request to the origin for all visitors that wait for the same response.

use super::body::Bodies;
use super::fetch::{Failure, Response};
use crate::http::date::Millis;
use std::future::Future;

/// The outcome of waiting for another request's response.
#[derive(Debug)]
pub enum Joined<B> {
    /// The response, as it is being stored.
    Response(Response<B>),
    /// The request to the origin failed.
    Failed(Failure),
    /// There is nothing to share.
    Nothing,
}

/// Flights by name.
pub trait SingleFlight: Bodies {
    /// Begins a flight and returns its claim; `None` while another request has the flight, or when its response is too
    /// large to share. Another request may take over a claim whose response does not begin within about `patience`
    /// milliseconds.
    fn claim(&self, flight: &str, patience: Millis) -> Option<String>;

    /// Waits at most `patience` milliseconds for the response of the request that has the flight.
    fn join(&self, flight: &str, patience: Millis) -> impl Future<Output = Joined<Self::Body>>;

    /// Ends a flight without a response to share.
    fn release(&self, claim: &str, failure: Option<Failure>);
}
