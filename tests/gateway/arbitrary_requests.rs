//! Arbitrary requests, also such as the runtime could never hand over.

use crate::{HOST, isolate};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever a client sends, the gateway answers, and every field stays on its own line.
    #[test]
    fn no_request_can_panic_the_gateway_or_escape_its_room(
        method in "GET|HEAD|POST|PUT|DELETE|OPTIONS|[A-Z]{1,9}",
        path in "/(open|members|stored|private|auth|near|go|echo|fixed|\\.usher/(purge|health|sessions|demo/sign-in)|ja|x)(/|%2f|//|;)?[a-z%0-9./;?&=\\\\é-]{0,20}",
        fields in prop::collection::vec(("[a-z_-]{1,16}|cookie|accept|accept-language|authorization|range|traceparent|x-request-id|if-none-match|connection|upgrade", "[ -~é]{0,60}"), 0..8),
        body in "[ -~é]{0,80}",
    ) {
        let isolate = isolate();
        isolate.world.vars.borrow_mut().insert("USHER_DEMO".into(), "on".into());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = isolate.ask(&method, &format!("{HOST}{path}"), &fields, &body);
        prop_assert!((200..600).contains(&answer.status));
        prop_assert!(answer.fields.iter().all(|(name, value)| !name.contains(['\n', '\r', ':']) && !value.contains(['\n', '\r'])));
        prop_assert!(answer.field("x-request-id").is_some());
        for told in isolate.world.heard.borrow().iter() {
            let known = ["a", "b", "dead", "o1", "o2", "o3"].map(|name| format!("http://{name}-url.internal/"));
            prop_assert!(known.iter().any(|url| told.url.starts_with(url)) || told.url == "service:BACK/", "{}", told.url);
            prop_assert!(told.field("x-user-id").is_none());
        }
    }

    /// Not even what the runtime could never hand over.
    #[test]
    fn no_packed_head_can_panic_the_gateway(packed in "\\PC{0,80}|(https?://[a-z./?%]{0,20}\n)?([A-Z]{0,5}\n[01]\n)?([a-z]{0,5}:[ -~]{0,10}\n){0,4}\n?\\PC{0,10}") {
        let (answer, _) = isolate().serve(&packed, "");
        prop_assert!(answer.status >= 200);
    }
}
