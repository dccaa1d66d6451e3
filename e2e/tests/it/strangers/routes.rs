//! Every route that there is, from the sources and from the gateway's configuration: each is in a table of strangers, or is excused.
//! Absent: what strangers are answered; the modules `table` and `sockets` have that.

use super::table::TABLE;
use e2e::Result;
use std::{collections::BTreeSet, fs, path::Path};

/// Where routes are made, and by which words.
const SOURCES: [&str; 5] = [
    "orders-svc/src/http/mod.rs",
    "payments-svc/src/http/mod.rs",
    "edge/src/health.rs",
    "gozon/src/up.rs",
    "gozon/src/page.rs",
];

/// Routes that the documents do not have, and why no user's id can get another's belongings from them; the sockets' are asked in `sockets`.
const OTHERS: [(&str, &str); 14] = [
    ("/ws/orders", "the module `sockets`"),
    ("/ws/orders/{id}", "the module `sockets`"),
    ("DOCS", "the page of the documents, the same for all"),
    ("{DOCS}/{{_:.*}}", "the page of the documents, the same for all"),
    ("/orders/openapi.json", "the document, the same for all"),
    ("/payments/openapi.json", "the document, the same for all"),
    ("/health", "whether the shop lives"),
    ("/healthz", "whether the process lives"),
    ("/readyz", "which parts of the process work"),
    ("/metrics", "sums over all users; the gateway does not route it"),
    ("path", "the files of the page, read at the start"),
    ("path of the gateway: /health", "whether the gateway lives"),
    ("path of the gateway: /", "the files of the page"),
    ("path of the gateway: refused", "what is each instance's own business"),
];

/// What follows each of these words up to the end of the literal or name.
fn named(text: &str) -> impl Iterator<Item = String> + '_ {
    ["resource(", ".url(", "SwaggerUi::new(format!(", ".route(", "scope("].into_iter().flat_map(move |word| {
        let calls = text.match_indices(word).filter(|(at, _)| !text[..*at].ends_with("fn "));
        calls.map(move |(at, _)| first_argument(&text[at + word.len()..]))
    })
}

fn first_argument(text: &str) -> String {
    match text.strip_prefix('"') {
        Some(literal) => literal.split('"').next().unwrap_or_default().to_owned(),
        None => text.split([',', ')']).next().unwrap_or_default().to_owned(),
    }
}

fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))?;
    Ok(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
}

/// What the gateway routes by prefix is in the services' sources; what it answers itself is named here.
fn of_the_gateway(line: &str) -> Option<String> {
    let location = line.strip_prefix("location ")?;
    let path = location.split('{').next()?.trim().trim_start_matches("= ");
    let own = ["/orders", "/accounts", "/payments", "/ws"].iter().any(|service| path.starts_with(service));
    let refused = location.contains("return 404");
    (!own).then(|| format!("path of the gateway: {}", if refused { "refused" } else { path }))
}

#[test]
fn every_route_is_in_a_table_of_strangers_or_is_excused() -> Result<()> {
    let mut routes = BTreeSet::new();
    for source in SOURCES {
        let before = routes.len();
        routes.extend(named(&read(source)?));
        assert!(routes.len() > before, "no route is found in {source}");
    }
    routes.extend(read("gateway/templates/routes.inc.template")?.lines().filter_map(of_the_gateway));
    let documented = TABLE.iter().map(|row| row.path.to_owned());
    let known: BTreeSet<_> = documented.chain(OTHERS.iter().map(|(route, _)| (*route).to_owned())).collect();
    assert_eq!(routes, known);
    Ok(())
}

/// Where else a route could be made, and nobody would look for it.
#[test]
fn no_route_is_made_anywhere_else() -> Result<()> {
    let mut folders = ["orders-svc/src", "payments-svc/src", "gozon/src", "launch/src"].map(str::to_owned).to_vec();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") && !SOURCES.contains(&path.as_str()) {
                assert_eq!(named(&read(&path)?).collect::<Vec<_>>(), [""; 0], "{path} makes routes");
            }
        }
    }
    Ok(())
}
