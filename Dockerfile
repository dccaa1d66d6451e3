# The three programs, each in a small image of its own: targets orders, payments and gozon (the operator's command).
# Dependencies are compiled from the manifests alone, so that a change of the code does not compile them again. Works with the
# classic builder too: no syntax line, no mounts. Absent: configuration and secrets; both come when a container starts.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

# The workspace without its code: manifests, and an empty file for each target that cargo looks for.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /workspace
COPY . .
RUN find . -name '*.rs' -delete \
    && find . -mindepth 2 -name Cargo.toml -printf '%h\n' | while read -r crate; do \
        mkdir -p "$crate/src" && : >"$crate/src/lib.rs" && echo 'fn main() {}' >"$crate/src/main.rs"; \
    done \
    && find . -type f ! -name '*.rs' ! -name 'Cargo.*' ! -path './.cargo/*' -delete \
    && find . -type d -empty -delete

# Kafka's client, librdkafka, is compiled from source: the image has a C and a C++ compiler, make and bash (a slim one has no make).
FROM ${RUST_IMAGE} AS build
WORKDIR /workspace
COPY --from=manifests /workspace .
RUN cargo build --release --locked --package orders-svc --package payments-svc --package gozon --features gozon/kafka
COPY . .
# The empty files are newer than the code; cargo compares times.
RUN find . -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --package orders-svc --package payments-svc --package gozon --features gozon/kafka

FROM ${RUNTIME_IMAGE} AS runtime
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin gozon
USER 10001:10001

FROM runtime AS gozon
COPY --from=build /workspace/target/release/gozon /usr/local/bin/
ENTRYPOINT ["gozon"]

FROM runtime AS payments
COPY --from=build /workspace/target/release/payments-svc /usr/local/bin/
ENV LISTEN=0.0.0.0:8080 LOG_FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["payments-svc", "healthcheck"]
ENTRYPOINT ["payments-svc"]

FROM runtime AS orders
COPY --from=build /workspace/target/release/orders-svc /usr/local/bin/
ENV LISTEN=0.0.0.0:8080 LOG_FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["orders-svc", "healthcheck"]
ENTRYPOINT ["orders-svc"]
