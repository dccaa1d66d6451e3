//! Faults of instances: killed, frozen, told to stop, added, removed, made to panic.
//! Absent: servers.

use super::{NotPossible, Strike, lasts, misplaced};
use crate::plan::{INSTANCES, Instance, Kind, Service, Step, Target};
use anyhow::{Result, bail, ensure};
use e2e::{Process, Shop};

/// How a process is told where to fail.
const FAILPOINTS: &str = "FAILPOINTS";

/// The lane of the instances.
#[derive(Debug)]
pub struct Processes {
    /// With one instance of each service more than run.
    pub shop: Shop,
    /// The failpoints that are set all the time.
    pub failpoints: String,
}

impl Processes {
    fn instance(&mut self, step: &Step) -> Result<&mut Process> {
        match step.target {
            Target::Instance(instance) | Target::Point(instance, _) => Ok(self.process(instance)),
            Target::Service(service) => Ok(self.process(Instance { service, number: INSTANCES })),
            target => bail!("{target} is no instance"),
        }
    }

    fn process(&mut self, Instance { service, number }: Instance) -> &mut Process {
        match service {
            Service::Orders => &mut self.shop.orders[number],
            Service::Payments => &mut self.shop.payments[number],
        }
    }

    /// A few times it goes well, then its actor panics once.
    async fn panic(&mut self, step: &Step) -> Result<()> {
        let Target::Point(_, point) = step.target else { bail!("{} is no failpoint", step.target) };
        let always = self.failpoints.clone();
        let planted = [always.as_str(), &format!("{point}=5*off->1*return(panic)")].join(";");
        let process = self.instance(step)?;
        restart(process, &planted).await?;
        lasts(step).await;
        let struck = process.struck(point)?;
        restart(process, &always).await?;
        ensure!(struck > 0, NotPossible(format!("no work came past {point}")));
        Ok(())
    }
}

async fn restart(process: &mut Process, failpoints: &str) -> Result<()> {
    stop(process).await?;
    process.set(FAILPOINTS, failpoints.trim_start_matches(';'));
    process.start().await
}

/// It has to end by itself and in order, whatever else is wrong meanwhile.
async fn stop(process: &mut Process) -> Result<()> {
    let status = process.terminate().await?;
    ensure!(status.success(), "{} was told to stop and ended with {status}", process.name());
    Ok(())
}

impl Strike for Processes {
    async fn strike(&mut self, step: &Step) -> Result<()> {
        if step.kind == Kind::Panic {
            return self.panic(step).await;
        }
        let process = self.instance(step)?;
        match step.kind {
            Kind::Kill => {
                process.kill_9().await?;
                lasts(step).await;
                process.start().await
            }
            Kind::Zombie => {
                process.freeze().await?;
                lasts(step).await;
                process.thaw().await
            }
            Kind::Restart | Kind::Left => {
                stop(process).await?;
                lasts(step).await;
                process.start().await
            }
            Kind::Joined => {
                process.start().await?;
                lasts(step).await;
                stop(process).await
            }
            kind => Err(misplaced(kind)),
        }
    }
}
