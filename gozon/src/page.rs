//! The web page, served from memory: what `npm run build` left in the directory when the shop started.
//! Absent: building it (`cargo xtask run`), and any other origin; the Content-Security-Policy allows none.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY},
    middleware::Compress,
    web::{self, Bytes},
};
use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io,
    path::Path,
    sync::Arc,
};

/// Only what comes from the shop itself, nothing inline. The page was tested under these words (`web/csp.txt`).
const POLICY: &str = include_str!("../../web/csp.txt");
/// Built files carry a hash in their name; the document itself is asked for again each time.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const EACH_TIME: &str = "no-cache";
/// What stands at `/` before the page is built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Gozon</title><h1>Gozon is open</h1>\
    <p>The web page has not been built: <code>cargo xtask run</code> does that when Node.js is there.</p>\
    <p>The calls: <a href=\"/orders/docs/\">orders</a>, <a href=\"/payments/docs/\">payments</a>.</p></html>";

/// One file of the page.
struct File {
    /// Its path in the URL, beginning with `/`.
    path: String,
    content_type: String,
    cache: &'static str,
    etag: String,
    body: Bytes,
}

/// The page. A cheap clone.
#[derive(Clone)]
pub struct Page(Arc<[Arc<File>]>);

impl Page {
    /// Reads all files below the directory; without one, the page says how to build it.
    ///
    /// # Errors
    /// The system's, when the directory is there and cannot be read.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        if dir.join("index.html").is_file() {
            collect(dir, "", &mut files)?;
        } else {
            files.push(File::new("/index.html".to_owned(), NOT_BUILT.as_bytes().to_vec()));
        }
        Ok(Self(files.into_iter().map(Arc::new).collect()))
    }

    /// Adds a route for each file, and `/` for the document.
    pub fn configure(&self, cfg: &mut web::ServiceConfig) {
        for file in self.0.iter() {
            let mut paths = vec![file.path.as_str()];
            if file.path == "/index.html" {
                paths.push("/");
            }
            for path in paths {
                let file = file.clone();
                let serve = move |request: HttpRequest| std::future::ready(file.answer(&request));
                cfg.service(edge::resource(path, "GET").wrap(Compress::default()).get(serve));
            }
        }
    }
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.push(File::new(path, fs::read(entry.path())?));
        }
    }
    Ok(())
}

impl File {
    fn new(path: String, body: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let mut content_type = mime_guess::from_path(&path).first_or_octet_stream().to_string();
        if content_type.starts_with("text/") {
            content_type.push_str("; charset=utf-8");
        }
        let cache = if path.starts_with("/assets/") { FOR_EVER } else { EACH_TIME };
        Self { path, content_type, cache, etag: format!("\"{:016x}\"", hasher.finish()), body: body.into() }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = request.headers().get(IF_NONE_MATCH).is_some_and(|etag| etag.as_bytes() == self.etag.as_bytes());
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, self.etag.as_str()))
            .insert_header((CACHE_CONTROL, self.cache))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY.trim()))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((CONTENT_TYPE, self.content_type.as_str()));
        if known { response.finish() } else { response.body(self.body.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_below_the_directory_gets_its_path_type_and_caching() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("assets"))?;
        fs::write(dir.path().join("index.html"), "<!doctype html>")?;
        fs::write(dir.path().join("assets/main-1234.js"), "1")?;
        let page = Page::read(dir.path())?;
        let mut files: Vec<_> =
            page.0.iter().map(|file| (file.path.as_str(), file.content_type.as_str(), file.cache)).collect();
        files.sort_unstable();
        let expected = [
            ("/assets/main-1234.js", "text/javascript; charset=utf-8", FOR_EVER),
            ("/index.html", "text/html; charset=utf-8", EACH_TIME),
        ];
        assert_eq!(files, expected);
        Ok(())
    }

    #[test]
    fn without_a_built_page_the_root_says_how_to_build_it() -> io::Result<()> {
        let page = Page::read(Path::new("/nowhere/at/all"))?;
        assert!(page.0.iter().any(|file| file.path == "/index.html" && file.body.starts_with(b"<!doctype html>")));
        Ok(())
    }
}
