//! The gateway and the page's server as they are deployed: real nginx with the project's own configuration, in front of a shop.
//! Absent: containers, and the names that instances have there; here each name stands for addresses on the loopback.

use crate::Process;
use anyhow::{Context, Result};
use std::{
    fmt::Write,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use testbed::Nginx;

/// Where nginx's list of media types is; the images have it there too.
const MEDIA_TYPES: &str = "/etc/nginx/mime.types";

/// What the gateway's routes lead to.
#[derive(Clone, Debug, Default)]
pub struct Upstreams {
    /// Instances of the orders service.
    pub orders: Vec<SocketAddr>,
    /// Instances of the payments service.
    pub payments: Vec<SocketAddr>,
    /// Requests a second that a client may make, and how many at once above it.
    pub rate: Option<(u32, u32)>,
}

impl Upstreams {
    /// All of these.
    ///
    /// # Errors
    /// When one does not run.
    pub fn of(orders: &[Process], payments: &[Process]) -> Result<Self> {
        let addresses = |processes: &[Process]| processes.iter().map(Process::address).collect::<Result<_>>();
        Ok(Self { orders: addresses(orders)?, payments: addresses(payments)?, rate: None })
    }
}

/// Both servers, running. They end on `Drop`.
pub struct Gateway {
    /// `http://` address for clients.
    pub url: String,
    /// `http://` address of the page.
    pub page_url: String,
    _servers: [Nginx; 2],
    _dir: TempDir,
}

impl Gateway {
    /// Starts both, with the page that was built last.
    ///
    /// # Errors
    /// When nginx is missing or refuses the configuration.
    pub fn open(upstreams: &Upstreams) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("gozon-gateway-").tempdir()?;
        let [clients, from_web, page] = free_addresses()?;
        let (rate, burst) = upstreams.rate.unwrap_or((10_000, 10_000));
        let groups = [("orders", &upstreams.orders), ("payments", &upstreams.payments), ("web", &vec![page])];
        let gateway = Site::new(dir.path(), "gateway", &root().join("gateway/templates"))?
            .file("tmp/upstreams.conf", &groups.map(|(name, addresses)| group(name, addresses)).concat())?
            .render(&[
                ("GATEWAY_LISTEN", &clients.to_string()),
                ("GATEWAY_LISTEN_FOR_WEB", &from_web.to_string()),
                ("GATEWAY_TRUSTED_PROXY", "127.0.0.9"),
                ("GATEWAY_REQUESTS_PER_SECOND", &rate.to_string()),
                ("GATEWAY_BURST", &burst.to_string()),
                ("ORDERS_UPSTREAM", "orders"),
                ("PAYMENTS_UPSTREAM", "payments"),
                ("WEB_UPSTREAM", "web"),
            ])?;
        let policy = fs::read_to_string(root().join("web/csp.txt"))?;
        let dist = root().join("web/dist");
        let web = Site::new(dir.path(), "web", &root().join("web/nginx/templates"))?
            .file("policy.inc", &format!("add_header Content-Security-Policy \"{}\" always;\n", policy.trim()))?
            .render(&[
                ("WEB_LISTEN", &page.to_string()),
                ("WEB_ROOT", dist.to_str().context("a path in UTF-8")?),
                ("GATEWAY_UPSTREAM", &from_web.to_string()),
            ])?;
        Ok(Self {
            url: format!("http://{clients}"),
            page_url: format!("http://{page}"),
            _servers: [gateway.start(clients)?, web.start(page)?],
            _dir: dir,
        })
    }
}

/// The configuration of one nginx, in a directory of its own.
struct Site {
    dir: PathBuf,
    templates: PathBuf,
}

impl Site {
    fn new(parent: &Path, name: &str, templates: &Path) -> Result<Self> {
        let dir = parent.join(name);
        fs::create_dir_all(dir.join("tmp"))?;
        fs::copy(MEDIA_TYPES, dir.join("mime.types"))?;
        let site = Self { dir, templates: templates.to_owned() };
        for file in ["nginx.conf", "problems.inc"] {
            let text = fs::read_to_string(root().join("gateway").join(file))?;
            site.write(file, &site.here(&text.replace("/dev/stdout", "/tmp/access.log")))?;
        }
        Ok(site)
    }

    /// Adds a file that an image has, or that only this test needs.
    fn file(self, name: &str, text: &str) -> Result<Self> {
        self.write(name, text)?;
        Ok(self)
    }

    /// Does what the image's entrypoint does with the templates.
    fn render(self, variables: &[(&str, &str)]) -> Result<Self> {
        for entry in fs::read_dir(&self.templates)? {
            let path = entry?.path();
            let text = [("NGINX_LOCAL_RESOLVERS", "127.0.0.1")]
                .iter()
                .chain(variables)
                .fold(self.here(&fs::read_to_string(&path)?), |text, (variable, value)| {
                    text.replace(&format!("${{{variable}}}"), value)
                });
            let name = path.file_stem().and_then(|name| name.to_str()).context("a name in UTF-8")?;
            self.write(&format!("tmp/{name}"), &text)?;
        }
        Ok(self)
    }

    /// What containers have below `/tmp` is in the site's own directory here: other tests have a gateway, too.
    fn here(&self, text: &str) -> String {
        text.replace("/tmp/", &self.dir.join("tmp/").to_string_lossy())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.dir.join(name), text)?)
    }

    fn start(&self, address: SocketAddr) -> Result<Nginx> {
        Nginx::start(&self.dir.join("nginx.conf"), address, &self.dir.join("error.log"))
    }
}

/// A name for several addresses, as the containers' name service gives it: nothing is remembered of one that failed.
fn group(name: &str, addresses: &[SocketAddr]) -> String {
    const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
    let mut group = format!("upstream {name} {{\n");
    let nobody = addresses.is_empty().then_some(&NOBODY);
    for address in addresses.iter().chain(nobody) {
        writeln!(group, "    server {address} max_fails=0;").expect("text can be added to");
    }
    group + "}\n"
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Addresses that are free, and that no other test of this program is given.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let addresses: Vec<_> = (0..N).map(|_| testbed::free_address()).collect::<Result<_>>()?;
    addresses.try_into().map_err(|_| anyhow::anyhow!("an address a listener"))
}
