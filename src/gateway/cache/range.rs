//! The part of a response that a range request asks for (RFC 9110 14.2).

use crate::cache::range::{self, Part};
use crate::gateway::reply::{Content, Reply};
use crate::http::head::{Fields, Head};

/// The fields that say something of a whole response, and nothing of a range that it does not have.
const OF_THE_WHOLE: [&str; 6] = ["age", "cdn-cache-control", "content-length", "etag", "expires", "last-modified"];

/// The reply of a whole response, or the part of it that is asked for, where its `length` is known.
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
            // It says nothing of the resource, and no other request may be answered so.
            OF_THE_WHOLE.iter().for_each(|name| reply.edits.remove(name));
            reply.edits.set("cache-control", "no-store");
            (reply.status, reply.content) = (416, Content::Bare(body));
        }
    }
    reply
}
