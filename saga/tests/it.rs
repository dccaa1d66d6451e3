//! What `ARCHITECTURE.md` shows of the saga is the saga. Absent: the saga's own rules, which are tested beside it.

use std::{error::Error, fs, path::Path};

const BEGIN: &str = "<!-- saga::order::diagram begins -->\n```mermaid\n";
const END: &str = "```\n<!-- saga::order::diagram ends -->\n";

#[expect(clippy::disallowed_methods, reason = "how a developer asks a test to write what it compares")]
fn refresh() -> bool {
    std::env::var("UPDATE_DIAGRAM").is_ok()
}

#[test]
fn the_state_diagram_in_the_architecture_is_the_table() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("ARCHITECTURE.md has no place for the diagram")?;
    let (shown, after) = rest.split_once(END).ok_or("the diagram in ARCHITECTURE.md does not end")?;
    let diagram = saga::order::diagram();
    if refresh() {
        return Ok(fs::write(&path, [before, BEGIN, &diagram, END, after].concat())?);
    }
    assert_eq!(shown, diagram, "ARCHITECTURE.md is stale: run UPDATE_DIAGRAM=1 cargo test -p saga architecture");
    Ok(())
}
