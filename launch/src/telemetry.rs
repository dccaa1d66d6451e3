//! Exporting traces, if the options say where to.
//! Absent: what is traced; that stands with the code that does it.

use crate::{ShopOptions, StartError};
use prometheus_client::registry::Registry;
use telemetry::{Exporter, Target, Tracer};

/// The exporter, or none.
#[derive(Debug)]
pub struct Telemetry(Option<Exporter>);

impl Telemetry {
    /// Starts exporting the traces of this program. An empty endpoint is none, as OpenTelemetry has it for variables.
    ///
    /// # Errors
    /// [`StartError::Option`] when the endpoint is none that can be spoken to.
    pub fn start(options: &ShopOptions, service: &'static str, registry: &mut Registry) -> Result<Self, StartError> {
        let Some(endpoint) = options.otel_exporter_otlp_endpoint.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(Self(None));
        };
        let target = Target::new(endpoint, options.otel_traces_sampler_arg);
        let exporter = target.and_then(|target| Exporter::start(&target, service, registry));
        exporter
            .map(|exporter| Self(Some(exporter)))
            .map_err(|why| StartError::option("otel-exporter-otlp-endpoint", why))
    }

    /// A tracer for one part of the program.
    pub fn tracer(&self, scope: &'static str) -> Tracer {
        self.0.as_ref().map(|exporter| exporter.tracer(scope)).unwrap_or_default()
    }

    /// Sends what waits, as long as that does not take too long. The last thing that a program does.
    pub async fn stop(self) {
        if let Some(exporter) = self.0 {
            exporter.stop().await;
        }
    }
}
