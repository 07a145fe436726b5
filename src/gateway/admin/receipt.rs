//! The receipt for what was stamped.

use crate::gateway::context::Context;
use crate::http::json::json_object;
use crate::ledger::Moment;
use crate::platform::Platform;
use std::time::{Duration, UNIX_EPOCH};

/// What was stamped, and by when it holds in every isolate.
pub(super) fn receipt<P: Platform>(
    ctx: &Context<'_, P>,
    moment: Moment,
    subjects: &[String],
    soft: bool,
) -> serde_json::Value {
    let max_delay = ctx.config.ledger.max_delay;
    json_object!({
        "stamped": subjects,
        "soft": soft,
        "moment": moment,
        "holds_here": "now",
        "holds_everywhere_by": time(ctx.now() + max_delay),
        "max_delay_ms": max_delay,
    })
}

/// A time in milliseconds since 1970 as an HTTP date (RFC 9110 5.6.7), rounded up to the second. RFC 3339 would need a
/// calendar.
fn time(millis: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis.next_multiple_of(1_000)))
}
