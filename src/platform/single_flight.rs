//! Single flight: one request to the origin for all who want its response.

use super::body::Bodies;
use super::fetch::{Failure, Response};
use crate::http::date::Millis;
use std::future::Future;

/// What came of waiting for another request's response.
#[derive(Debug)]
pub enum Joined<B> {
    /// The response, as it is being stored.
    Response(Response<B>),
    /// The origin gave none.
    Failed(Failure),
    /// There is nothing to share.
    Nothing,
}

/// Flights by name.
pub trait SingleFlight: Bodies {
    /// Begins a flight, and gives the claim that names it; `None` while another request has it, or when what it gets is
    /// too large to share. The request is heard from within `patience` milliseconds.
    fn claim(&self, flight: &str, patience: Millis) -> Option<String>;

    /// Waits for the response of the request that has the flight.
    fn join(&self, flight: &str, patience: Millis) -> impl Future<Output = Joined<Self::Body>>;

    /// Ends a flight that has nothing to share.
    fn release(&self, claim: &str, failure: Option<Failure>);
}
