// Documentation, health and metrics.
// Absent: what the metrics say; there are tests for that where they are counted.
import { documents } from "../openapi.mjs";
import { folder, plain } from "../request.mjs";
import { check, status } from "../scripts.mjs";

const paths = { orders: documents[0].paths, payments: documents[1].paths };

const documentation = Object.entries(paths).flatMap(([service, own]) => [
  plain(`GET /${service}/openapi.json`, {
    name: `OpenAPI of ${service}`,
    then: [
      status(200),
      check("it is OpenAPI 3.1", 'pm.expect(pm.response.json().openapi).to.match(/^3\\.1\\./)'),
      check("it has the calls of this collection", `pm.expect(pm.response.json().paths).to.have.all.keys(${JSON.stringify(Object.keys(own))})`),
    ],
  }),
  plain(`GET /${service}/docs`, {
    name: `Swagger UI of ${service}`,
    about: "Redirects to the page; open it in a browser, where all calls can be tried out.",
    then: [status(200), check("it is the page", 'pm.expect(pm.response.text()).to.include("swagger-ui")')],
  }),
]);

const health = plain("GET /health", { name: "Health of the shop", about: "Answered by the gateway itself.", then: [status(200)] });

/** The gateway routes none of these, so whoever has only the gateway skips them. */
const asked = (service) => ({
  base: `${service}Url`,
  before: [`if (!pm.variables.get("${service}Url")) pm.execution.skipRequest();`],
});

const ok = check("it is ok", 'pm.expect(pm.response.json()).to.eql({ status: "ok" })');

const itself = Object.keys(paths).flatMap((service) => [
  plain("GET /healthz", { name: `Does ${service} live?`, ...asked(service), then: [status(200), ok] }),
  plain("GET /readyz", { name: `Is ${service} ready?`, about: "503 names the part that fails.", ...asked(service), then: [status(200), ok] }),
  plain("GET /metrics", {
    name: `Metrics of ${service}`,
    ...asked(service),
    then: [status(200), check("they are OpenMetrics", 'pm.expect(pm.response.text()).to.match(/^# HELP [^]*\\n# EOF\\n$/)')],
  }),
]);

export default folder("9 Documentation and operation", `
  \`/healthz\`, \`/readyz\` and \`/metrics\` are answered by each service itself and not routed by the gateway. Set \`ordersUrl\` and \`paymentsUrl\`
  in the environment to ask them; while these are empty, the requests are skipped. For the shop in one process, both are its own address.`,
  documentation, health, itself);
