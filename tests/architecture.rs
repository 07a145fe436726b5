//! The law of the house: topics decide, the gateway acts, the rim touches Cloudflare; one word, one room on every
//! floor; calls go one way. `ARCHITECTURE.md` explains it.
#![expect(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, reason = "a test may be terse")]

#[path = "architecture/graph.rs"]
mod graph;

use graph::{Source, circles, files, graph, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The services of the gateway, the most basic first: each may name those before it.
const SERVICES: [&str; 7] = ["observe", "limit", "ledger", "identity", "origin", "cache", "admin"];

/// The longest file, in lines.
const LONGEST: usize = 400;

/// The most parameters of a function, `self` included.
const PARAMETERS: usize = 5;

/// Names that are pictures: an engineer cannot guess or search them. Parts of identifiers in code.
const PICTURES: [&str; 19] = [
    "crew", "told", "said", "tested", "book", "errand", "parcel", "passage", "oath", "hint", "trial", "word", "letter",
    "asker", "dress", "spent", "dice", "heard", "whoever",
];

/// Phrases that comments do without.
const PHRASES: [&str; 6] =
    ["whoever", "for good measure", "what is told", "is sworn", "who is fit", "nobody's business"];

/// The modules of `lib.rs` in order.
fn rooms() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

fn is_topic(source: &Source) -> bool {
    !source.is_test() && !matches!(source.room(), "gateway" | "cloudflare" | "platform")
}

#[test]
fn a_room_names_only_rooms_declared_above_it() {
    let order = rooms();
    assert!(order.len() > 10, "{order:?}");
    let place = |module: &str| {
        let room = module.split("::").next().unwrap();
        order.iter().position(|name| name == room).unwrap_or_else(|| panic!("{room} is not declared in lib.rs"))
    };
    for (file, named) in graph(&sources()).iter().filter(|(file, _)| !file.is_empty()) {
        for other in named.iter().filter(|other| !other.is_empty()) {
            assert!(place(other) <= place(file), "{file} names {other}, whose room stands below its own in lib.rs");
        }
    }
}

#[test]
fn no_file_names_a_file_that_names_it() {
    let graph = graph(&sources());
    let edges: usize = graph.values().map(BTreeSet::len).sum();
    assert!(graph.len() > 100 && edges > 300, "the reader of paths finds too little: {} files, {edges}", graph.len());
    assert_eq!(circles(&graph), Vec::<Vec<String>>::new());
}

#[test]
fn no_script_of_the_rim_imports_one_that_imports_it() {
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let imports = text.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
        (path.file_name().unwrap().to_string_lossy().into_owned(), imports.collect::<BTreeSet<_>>())
    };
    let graph: BTreeMap<String, BTreeSet<String>> = files(&["src/cloudflare"], &["js"]).iter().map(read).collect();
    assert!(graph.len() > 10 && graph.values().any(|imports| !imports.is_empty()), "{graph:?}");
    assert_eq!(circles(&graph), Vec::<Vec<String>>::new());
}

#[test]
fn a_service_of_the_gateway_names_only_the_services_before_it() {
    let service = |module: &str| {
        let room = module.strip_prefix("gateway::")?.split("::").next()?;
        SERVICES.iter().position(|name| *name == room)
    };
    let graph = graph(&sources());
    for (file, named) in graph.iter().filter(|(file, _)| file.starts_with("gateway::")) {
        for other in named {
            assert_ne!(other, "gateway", "{file} names the gateway itself");
            match (service(file), service(other)) {
                (Some(own), Some(used)) => assert!(used <= own, "{file} names {other}, a service after its own"),
                // What travels with a request knows no service.
                (None, Some(_)) => panic!("{file} names the service {other}"),
                _ => {}
            }
        }
    }
    assert!(SERVICES.iter().all(|name| graph.contains_key(&format!("gateway::{name}"))));
}

#[test]
fn a_service_of_the_gateway_keeps_its_state_to_itself() {
    let mut found = BTreeSet::new();
    for source in sources().iter().filter(|source| source.module.starts_with("gateway::")) {
        for declared in source.code.split(" struct ").skip(1) {
            let body = declared.split("\n}").next().unwrap();
            let open = body.lines().skip(1).any(|line| line.trim_start().starts_with("pub"));
            let service = ["Limits", "Identities", "Ledger", "Cache", "Origins", "Observer", "KeyRings"]
                .contains(&name(declared));
            assert!(!service || !open, "{}: {} has fields that others see", source.path.display(), name(declared));
            found.extend(service.then(|| name(declared).to_owned()));
        }
    }
    assert_eq!(found.len(), 7, "{found:?}");
}

fn name(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

#[test]
fn json_is_read_and_written_in_one_room() {
    for source in sources().iter().filter(|source| !source.is_test() && source.room() != "config") {
        for part in ["serde::", "serde_json::from_", "serde_json::to_", "serde_json::json", "{Value, json}"] {
            assert!(!source.code.contains(part), "{} has {part:?}: see src/http/json.rs", source.path.display());
        }
    }
}

#[test]
fn topics_do_not_wait_read_clocks_draw_random_numbers_or_know_the_platform() {
    for source in sources().iter().filter(|source| is_topic(source)) {
        for part in [
            "async ",
            ".await",
            "SystemTime::now",
            "Instant::now",
            "getrandom",
            "js_sys",
            "web_sys",
            "wasm_bindgen",
            "worker::",
            "thread_local",
            "crate::platform",
        ] {
            assert!(!source.code.contains(part), "{} has {part:?}", source.path.display());
        }
    }
}

#[test]
fn only_the_rim_names_the_platform() {
    for source in sources().iter().filter(|source| source.room() != "cloudflare") {
        for part in ["js_sys", "web_sys", "wasm_bindgen", "worker::", "console_error_panic_hook"] {
            assert!(!source.code.contains(part), "{} has {part:?}", source.path.display());
        }
    }
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let wall = manifest.find("[target.'cfg(target_arch = \"wasm32\")'.dependencies]").unwrap();
    for name in ["worker =", "wasm-bindgen =", "console_error_panic_hook ="] {
        assert!(manifest.find(name).unwrap() > wall, "{name} must be a dependency of wasm32 alone");
    }
}

/// An isolate reads what the build decided: it has neither the file's keys nor its checks.
#[test]
fn what_reads_and_checks_the_file_is_native() {
    let config = fs::read_to_string("src/config.rs").unwrap();
    for module in ["check", "languages", "problem", "raw", "source"] {
        let declared = config.lines().position(|line| line.trim_start_matches("pub ") == format!("mod {module};"));
        let before = config.lines().nth(declared.unwrap() - 1);
        assert_eq!(before, Some("#[cfg(not(target_arch = \"wasm32\"))]"), "{module}");
    }
}

#[test]
fn a_service_of_the_platform_has_a_trait_and_an_implementation_under_one_name() {
    let mut services = 0;
    for path in files(&["src/platform"], &["rs"]) {
        let name = path.file_name().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for service in text.split("\npub trait ").skip(1).map(self::name) {
            let rim = std::path::Path::new("src/cloudflare").join(name);
            let rim = fs::read_to_string(&rim).unwrap_or_else(|_| panic!("{} is missing", rim.display()));
            assert!(rim.contains(&format!("impl {service} for Edge")), "{path:?}: nothing implements {service}");
            services += 1;
        }
    }
    assert!(services > 10, "{services}");
}

#[test]
fn a_function_has_at_most_five_parameters() {
    let mut seen = 0;
    for source in sources() {
        let code = source.without_strings().replace("->", "");
        assert!(!source.text.contains("too_many_arguments"), "{} silences the lint", source.path.display());
        for (at, _) in code.match_indices("fn ") {
            let Some(open) = opening(&code[at..]).map(|open| at + open) else { continue };
            let (mut depth, mut count, mut empty) = (0, 0, true);
            for c in code[open..].chars() {
                match c {
                    '(' | '<' | '[' | '{' => depth += 1,
                    ')' if depth == 1 => break,
                    ')' | '>' | ']' | '}' => depth -= 1,
                    ',' if depth == 1 => (count, empty) = (count + 1, true),
                    c => empty &= c.is_whitespace(),
                }
            }
            count += usize::from(!empty);
            seen += 1;
            let line = code[at..].lines().next().unwrap();
            assert!(count <= PARAMETERS, "{}: {line}: {count} parameters", source.path.display());
        }
    }
    assert!(seen > 500, "{seen} functions");
}

/// Where the parameters of `fn name<..>(` begin.
fn opening(code: &str) -> Option<usize> {
    let mut depth = 0;
    code.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        (c == '(' && depth == 0).then_some(at)
    })
}

#[test]
fn a_file_is_read_in_one_sitting() {
    for path in files(&["src", "tests", "tools", "bench", "lab", "examples"], &["rs", "js", "mjs"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines: past {LONGEST} a topic is two topics", path.display());
        assert!(!path.ends_with("mod.rs"), "{}: name.rs beside name/", path.display());
    }
}

#[test]
fn every_file_opens_with_what_it_answers() {
    for source in sources().iter().filter(|source| !source.is_test()) {
        assert!(source.text.starts_with("//! "), "{} does not say what it is for", source.path.display());
    }
    for path in files(&["src/cloudflare"], &["js"]) {
        assert!(fs::read_to_string(&path).unwrap().starts_with("// "), "{} does not say it", path.display());
    }
}

#[test]
fn names_are_the_fields_terms_and_no_pictures() {
    for source in sources() {
        let file = source.path.file_stem().unwrap().to_string_lossy().into_owned();
        let code = source.without_strings();
        let names = code.split(|c: char| !c.is_alphanumeric() && c != '_').chain([file.as_str()]);
        for name in names {
            let parts = name.split('_').flat_map(humps).map(|part| part.to_lowercase());
            let picture = parts.into_iter().find(|part| PICTURES.contains(&part.as_str()));
            assert!(picture.is_none(), "{}: {name}", source.path.display());
        }
    }
    for path in files(&["src", "tests"], &["rs", "js", "mjs"]) {
        if path.ends_with("architecture.rs") {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
            let phrase = PHRASES.iter().find(|phrase| comment.to_lowercase().contains(**phrase));
            assert!(phrase.is_none(), "{}:{}: {comment}", path.display(), number + 1);
        }
    }
}

/// The parts of `LikeThis`.
fn humps(name: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        name.char_indices().filter(|(at, c)| *at == 0 || c.is_uppercase()).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| &name[start..end]).collect()
}

#[test]
fn every_key_of_the_configuration_stands_in_the_example_and_in_the_readme() {
    let raw: String = files(&["src/config/raw"], &["rs"])
        .into_iter()
        .chain(["src/config/raw.rs".into()])
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let example = fs::read_to_string("usher.toml").unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    let mut renamed = None;
    for line in raw.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            renamed = name.split('"').next().map(str::to_owned);
        }
        let field = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")).map(|(name, _)| name);
        let Some(field) = field else {
            continue;
        };
        let key = renamed.take().unwrap_or_else(|| field.to_owned());
        let written = |text: &str| {
            text.contains(&format!("{key} ="))
                || text.contains(&format!("[{key}]"))
                || text.contains(&format!("{key}:"))
        };
        assert!(written(&example), "usher.toml does not show `{key}`");
        assert!(
            readme.contains(&format!("`{key}`"))
                || readme.contains(&format!("`[{key}]`"))
                || readme.contains(&format!("`[[{key}]]`")),
            "README.md does not document `{key}`"
        );
    }
}
