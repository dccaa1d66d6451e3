//! One seed from its beginning to the verdict: buyers at work in bad weather, then all is well, everything settles, the laws are
//! looked at. Absent: which seeds.

use crate::{
    buyers::{Buyers, Memory},
    events::Events,
    fault::{Counts, Fault},
    house::{House, Template},
    laws::{self, Evidence, Witness},
    post::{Post, Transport},
    processor,
    world::{Surroundings, World},
};
use anyhow::{Context, Result, bail};
use gozon::{config::embedded, databases::Urls};
use std::{
    cell::RefCell,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use store::simulation;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::LocalSet,
    time::{Instant, sleep},
};

/// How long buyers may be at it, in the world's time.
const TRAFFIC: Duration = Duration::from_secs(60);
/// How long everything may take to settle. An answer that the broker lost is asked for again after one minute, two, four …
const SETTLING: Duration = Duration::from_secs(1_200);
/// How often somebody looks at the orders.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many looks in a row must find nothing under way.
const CALM: u32 = 3;
/// Lines of a failure's trace from its end.
const LAST_LINES: usize = 40;
/// Lines about an order that the verdict names.
const LINES_ABOUT: usize = 40;

/// What a seed came to.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The kind of broker.
    pub transport: Transport,
    /// How often each fault happened.
    pub counts: Counts,
    /// Orders that buyers asked for.
    pub orders: usize,
    /// The world's time that went by.
    pub lasted: Duration,
    /// The same for each run of this seed.
    pub fingerprint: u64,
    /// The law that was broken, if one was.
    pub broken: Option<String>,
    /// All that happened.
    pub trace: Vec<String>,
}

impl Outcome {
    /// The end of the trace, and what it has about orders that the verdict names.
    pub fn short_trace(&self) -> Vec<&str> {
        let broken = self.broken.as_deref().unwrap_or_default();
        let named = broken.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).filter(|word| word.len() == 36);
        let named: Vec<_> = named.collect();
        let about = |line: &&str| named.iter().any(|id| line.contains(id));
        let lines = || self.trace.iter().map(String::as_str);
        let about: Vec<_> = lines().filter(about).take(LINES_ABOUT).collect();
        if about.is_empty() { lines().skip(self.trace.len().saturating_sub(LAST_LINES)).collect() } else { about }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(broken) = &self.broken else { return write!(f, "seed {}: in order", self.seed) };
        writeln!(f, "seed {}: {broken}", self.seed)?;
        self.short_trace().into_iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "again: cargo run -p simulation -- --first {} --seeds 1 --transport {}", self.seed, self.transport)
    }
}

/// What many seeds share.
#[derive(Debug)]
pub struct Machine {
    template: Template,
    driver: Runtime,
}

impl Machine {
    /// Ready for seeds, on this thread, which from now on keeps to one processor.
    ///
    /// # Errors
    /// When there is no room for databases.
    pub fn new() -> Result<Self> {
        processor::keep_to_one();
        let driver = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let template = driver.block_on(Template::make())?;
        Ok(Self { template, driver })
    }

    /// Runs a seed. A broken law is an outcome.
    ///
    /// # Errors
    /// When the machine fails, not the shop.
    pub fn run(&self, seed: u64, transport: Transport) -> Result<Outcome> {
        let dir = self.template.copy()?;
        let urls = embedded(dir.path())?;
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (killed, deaths) = mpsc::unbounded_channel();
        let world = {
            let _entered = runtime.enter();
            World::new(seed, self.driver.handle().clone(), killed)
        };
        let (post, memory) = (Post::new(world.clone(), transport), Rc::new(RefCell::new(Memory::default())));
        let began = {
            let entered = simulation::enter(Arc::new(Surroundings(world.clone())));
            let all = LocalSet::new();
            let began = all.block_on(&runtime, live(&world, &post, &memory, &urls, deaths));
            // What still runs is dropped while it is in its world, and its connections find their way back.
            let within = runtime.enter();
            drop(all);
            drop(within);
            drop(runtime);
            drop(entered);
            began
        };
        let (dead, poison) = post.buried();
        let (counts, trace, memory) = (world.counts(), world.trace(), memory.borrow());
        let evidence = Evidence {
            memory: &memory,
            taken: &post.taken(),
            announced: &post.announced(),
            dead: &dead,
            poison: &poison,
            emptied: counts.of(Fault::Emptied) > 0,
        };
        let verdict = match began {
            Ok(lasted) => self.driver.block_on(laws::judge(&urls, &evidence)).map(|()| lasted),
            Err(error) => Err(error),
        };
        let mut hasher = DefaultHasher::new();
        trace.hash(&mut hasher);
        Ok(Outcome {
            seed,
            transport,
            counts,
            orders: memory.orders.len(),
            lasted: verdict.as_ref().copied().unwrap_or_default(),
            fingerprint: hasher.finish(),
            broken: verdict.err().map(|error| format!("{error:#}")),
            trace,
        })
    }
}

async fn live(
    world: &Arc<World>,
    post: &Arc<Post>,
    memory: &Rc<RefCell<Memory>>,
    urls: &Urls,
    deaths: mpsc::UnboundedReceiver<usize>,
) -> Result<Duration> {
    let (began, mut witness) = (Instant::now(), Witness::default());
    let house = House::open(world, post, urls).await?;
    let burying = tokio::task::spawn_local(Events::bury(house.clone(), world.clone(), deaths));
    let buyers = Buyers::new(world, &house, memory);
    let events = Events { world: world.clone(), house: house.clone(), post: post.clone() };
    tokio::select! {
        biased;
        looked = look(&house, &mut witness) => looked.context("while buyers were at work")?,
        happened = events.happen() => happened?,
        () = buyers.buy() => {}
        () = sleep(TRAFFIC) => {}
    }
    world.heal();
    house.heal();
    let settled = settle(&house, post, &mut witness).await;
    burying.abort();
    house.close();
    settled?;
    Ok(began.elapsed())
}

/// Looks at the orders for ever.
async fn look(house: &House, witness: &mut Witness) -> Result<()> {
    loop {
        sleep(LOOK_EVERY).await;
        witness.look(laws::orders(&house.orders).await?)?;
    }
}

/// Waits until nothing has been under way for a while: who stood still till now may have requests in hand that no table shows yet.
async fn settle(house: &House, post: &Post, witness: &mut Witness) -> Result<()> {
    let (since, mut calm) = (Instant::now(), 0);
    while calm < CALM {
        if since.elapsed() > SETTLING {
            let orders = laws::orders(&house.orders).await?;
            let open: Vec<_> = orders.iter().filter(|order| order.status == "NEW").map(|order| order.id).collect();
            bail!("not settled after {SETTLING:?}; NEW is {open:?}");
        }
        sleep(LOOK_EVERY).await;
        house.heal();
        witness.look(laws::orders(&house.orders).await?)?;
        let settled = post.waiting() == 0 && laws::settled(&house.orders, &house.payments).await?;
        calm = if settled { calm + 1 } else { 0 };
    }
    Ok(())
}
