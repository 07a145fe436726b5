//! The part of a response that a range request asks for (RFC 9110 14.2).

use crate::cache::range::{self, Part};
use crate::gateway::reply::{Content, Reply};
use crate::http::head::{Fields, Head};

/// The fields that describe a whole response; a 416 does not have them.
const REPRESENTATION_FIELDS: [&str; 6] =
    ["age", "cdn-cache-control", "content-length", "etag", "expires", "last-modified"];

/// The reply with a whole response, or with the part that the request asks for when the `length` is known.
pub(super) fn parted<B>(head: &Head<'_>, mut reply: Reply<B>, fields: &Fields<'_>, length: Option<&str>) -> Reply<B> {
    let length = length.and_then(|length| length.parse().ok());
    let length = length.filter(|_| fields.get("content-encoding").is_none());
    let wanted = head.fields.get("range").filter(|_| head.method == "GET" && reply.status == 200);
    let Some((wanted, length)) = wanted.zip(length).filter(|_| range::holds(&head.fields, fields)) else {
        return reply;
    };
    let Content::Whole(body) = reply.content else { return reply };
    match range::part(wanted, length) {
        Part::Whole => reply.content = Content::Whole(body),
        Part::Bytes { first, last } => {
            reply.edits.set("content-range", &format!("bytes {first}-{last}/{length}"));
            reply.edits.set("content-length", &(last - first + 1).to_string());
            (reply.status, reply.content) = (206, Content::Part(body, first, last));
        }
        Part::Unsatisfiable => {
            reply.edits.set("content-range", &format!("bytes */{length}"));
            // The 416 does not describe the resource, and must not be served to another request.
            REPRESENTATION_FIELDS.iter().for_each(|name| reply.edits.remove(name));
            reply.edits.set("cache-control", "no-store");
            (reply.status, reply.content) = (416, Content::Bare(body));
        }
    }
    reply
}
