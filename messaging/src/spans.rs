//! What traces say about messages, in the words of OpenTelemetry's conventions for messaging
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>).
//! Absent: the body, which is the buyer's business.
//!
//! A message is created once, in the transaction that decides, and carries the context of that: `create`, a producer's span. It may be
//! sent more than once, also by another process, and handled more than once; each `send` and each `process` is a child of `create`.

use crate::{
    Event, Letter,
    broker::{PublishError, Queue},
    consumer::HandleError,
};
use saga::messages::routing_key;
use std::time::SystemTime;
use telemetry::{Span, SpanKind, Tracer};

/// The contract's exchange.
const EXCHANGE: &str = "gozon";

/// Letters were committed: each that has a span is created now.
pub(crate) fn created(tracer: &Tracer, system: &'static str, letters: &[Letter]) {
    for letter in letters {
        if let Some(span) = letter.span {
            tracer.end(span, outgoing(SpanKind::Producer, "create", system, letter));
        }
    }
}

/// Letters were published, and this is what came of each.
pub(crate) fn sent<'a>(
    tracer: &Tracer,
    system: &'static str,
    letters: impl Iterator<Item = (&'a Letter, &'a Result<(), PublishError>)>,
    since: SystemTime,
) {
    if !tracer.is_on() {
        return;
    }
    for (letter, answer) in letters {
        // A row that was swept brings its context only in its body.
        let trace = letter.span.map_or_else(|| letter.trace(), |span| Some(span.context));
        tracer.record(trace, since, || {
            let span = outgoing(SpanKind::Client, "send", system, letter);
            match answer {
                Ok(()) => span,
                Err(PublishError::Unreachable) => span.failed("unreachable"),
                Err(PublishError::Refused) => span.failed("refused"),
                Err(PublishError::Unroutable) => span.failed("unroutable"),
            }
        });
    }
}

fn outgoing(kind: SpanKind, operation: &'static str, system: &'static str, letter: &Letter) -> Span {
    let destination = format!("{EXCHANGE}:{}", letter.routing_key);
    operation_on(kind, operation, system, destination)
        .with("messaging.message.id", letter.id.to_string())
        .with("messaging.rabbitmq.destination.routing_key", letter.routing_key.clone())
}

/// A message was handled, and this is what came of it.
pub(crate) fn processed(system: &'static str, queue: Queue, event: &Event, handled: &Result<(), HandleError>) -> Span {
    let key = routing_key(&event.type_name);
    let destination = format!("{EXCHANGE}:{key}:{}", queue.name);
    let span = operation_on(SpanKind::Consumer, "process", system, destination)
        .with("messaging.message.id", event.id.to_string())
        .with("messaging.rabbitmq.destination.routing_key", key.to_owned());
    match handled {
        Ok(()) => span,
        Err(HandleError::Poison(_)) => span.failed("poison"),
        Err(HandleError::Stranger(_)) => span.failed("another shop"),
        Err(HandleError::Misplaced(_)) => span.failed("misplaced"),
        Err(HandleError::Unavailable) => span.failed("unavailable"),
        Err(HandleError::Interrupted) => span.failed("interrupted"),
        Err(HandleError::Failed(_)) => span.failed("failed"),
    }
}

fn operation_on(kind: SpanKind, operation: &'static str, system: &'static str, destination: String) -> Span {
    Span::new(kind, format!("{operation} {destination}"))
        .with("messaging.system", system)
        .with("messaging.operation.name", operation)
        .with("messaging.operation.type", operation)
        .with("messaging.destination.name", destination)
}
