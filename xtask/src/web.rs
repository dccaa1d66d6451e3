//! The web page: rebuilt when one of its sources is newer than the last build, or checked as a whole, as any npm package.
//! Not here: its tests in a browser (e2e has them), its dev server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Result, ensure};

use crate::steps::{step, succeed};

/// What the page is built from, besides the configuration files at the top.
const SOURCES: [&str; 3] = ["src", "public", "index.html"];
/// Configuration files at the top of the page's directory end like this.
const CONFIGURATION: [&str; 4] = [".json", ".js", ".ts", ".mjs"];

/// Makes `web/dist` fresh, or says in one line why there will be no fresh page.
///
/// # Errors
/// When npm fails.
pub fn refresh(web: &Path) -> Result<()> {
    if !web.join("package.json").is_file() {
        println!("no web page in this checkout");
    } else if !has_node() {
        println!("no Node.js on PATH: the web page is not built, everything else is served");
    } else {
        install_packages(web)?;
        build(web)?;
    }
    Ok(())
}

/// Runs these scripts of an npm package, one after the other.
///
/// # Errors
/// When there is no Node.js, or when one of them fails.
pub fn check(package: &Path, scripts: &[&str]) -> Result<()> {
    ensure!(has_node(), "install Node.js 20 or newer, with npm: page and collection are part of what must pass");
    install_packages(package)?;
    scripts.iter().try_for_each(|script| succeed(Command::new("npm").args(["run", script]).current_dir(package)))
}

/// npm writes the lock file's copy last, so a copy that is newer than the lock file means a complete installation.
fn install_packages(package: &Path) -> Result<()> {
    let installed = modified(&package.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&package.join("package-lock.json")) {
        return Ok(());
    }
    step("npm ci", || succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(package)))
}

fn build(web: &Path) -> Result<()> {
    if is_fresh(web) {
        return Ok(());
    }
    step("npm run build", || succeed(Command::new("npm").args(["run", "build"]).current_dir(web)))
}

fn is_fresh(web: &Path) -> bool {
    let built = modified(&web.join("dist/index.html"));
    built.is_some() && built >= newest_source(web)
}

fn newest_source(web: &Path) -> Option<SystemTime> {
    let named = SOURCES.iter().map(|name| web.join(name));
    let configuration = entries(web).into_iter().filter(|path| path.is_file() && is_configuration(path));
    named.chain(configuration).filter_map(|path| newest_in(&path)).max()
}

fn is_configuration(path: &Path) -> bool {
    CONFIGURATION.iter().any(|ending| path.to_string_lossy().ends_with(ending))
}

/// The latest change of a file, or of anything in a directory; the directory itself changes when a file is removed.
fn newest_in(path: &Path) -> Option<SystemTime> {
    let inside = entries(path).into_iter().filter_map(|entry| newest_in(&entry));
    modified(path).into_iter().chain(inside).max()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn has_node() -> bool {
    let runs = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status();
    ["node", "npm"].into_iter().all(|program| runs(program).is_ok_and(|status| status.success()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Writes a file that was last changed `age` ago.
    fn write(path: &Path, age: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }

    #[test]
    fn a_page_is_fresh_until_a_source_changes() {
        let web = std::env::temp_dir().join(format!("xtask-web-{}", std::process::id()));
        write(&web.join("index.html"), 300);
        write(&web.join("vite.config.ts"), 300);
        assert!(!is_fresh(&web), "never built");
        write(&web.join("dist/index.html"), 100);
        write(&web.join("README.md"), 0);
        assert!(is_fresh(&web));
        write(&web.join("vite.config.ts"), 50);
        assert!(!is_fresh(&web), "the configuration is newer");
        write(&web.join("dist/index.html"), 40);
        write(&web.join("src/deep/page.tsx"), 30);
        assert!(!is_fresh(&web), "a source is newer");
        fs::remove_dir_all(web).unwrap();
    }
}
