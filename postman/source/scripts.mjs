// The lines of the scripts that Postman runs after an answer: each is one check, or keeps one value.
// Absent: what is expected of which call; the folders say that.

/** How often a request is repeated while its order is still `NEW`: about a minute, for a shop that is busy. */
const ATTEMPTS = 300;
/** The time between two looks, in milliseconds. */
const PAUSE = 200;

/** One check; `assertion` is an expression or a block. */
export const check = (what, assertion) => `pm.test(${JSON.stringify(what)}, () => ${assertion});`;

/** The answer's status. */
export const status = (expected) => check(`status is ${expected}`, `pm.response.to.have.status(${expected})`);

/** The answer's schema, by its name in docs/openapi. */
export const schema = (name) => check(`the body is ${name} as documented`,
  `pm.response.to.have.jsonSchema(JSON.parse(pm.collectionVariables.get("${variableOf(name)}")))`);

/** The collection variable that holds a schema. */
export const variableOf = (name) => `schema.${name}`;

/** Members of the answer; `members` is the text of an object. */
export const says = (what, members) => check(what, `pm.expect(pm.response.json()).to.include(${members})`);

/** A header's whole value; `value` is an expression. */
export const header = (name, value) => check(`${name} is right`, `pm.expect(pm.response.headers.get("${name}")).to.equal(${value})`);

/** A header that must not be there. */
export const noHeader = (name) => check(`there is no ${name}`, `pm.response.to.not.have.header("${name}")`);

/** Every answer of the services can be found in their logs. */
export const traced = check("the answer has an X-Request-Id", 'pm.response.to.have.header("X-Request-Id")');

/** Keeps something for the requests that follow; `value` is an expression. */
export const keep = (variable, value) => `pm.collectionVariables.set("${variable}", ${value});`;

/** A value that no earlier run has used. */
export const fresh = (variable, prefix) => keep(variable, `pm.variables.replaceIn("${prefix}-{{$guid}}")`);

/** An error answer as the contract wants it, with the fields at fault and the rules that they break. */
export const problem = (expected, code, fields) => [
  status(expected),
  check("the answer is application/problem+json", 'pm.expect(pm.response.headers.get("Content-Type")).to.equal("application/problem+json")'),
  schema("ProblemBody"),
  says(`it is ${code}`, `{ type: "urn:gozon:problem:${code}", code: "${code}", status: ${expected} }`),
  fields
    ? check(`it names ${Object.keys(fields)} and the rule`, `pm.expect(pm.response.json().errors).to.eql(${JSON.stringify(errorsOf(fields))})`)
    : check("it names no field", 'pm.expect(pm.response.json()).to.not.have.property("errors")'),
];

/** The fields at fault as an answer names them. */
export const errorsOf = (fields) => Object.entries(fields).map(([field, message]) => ({ field, message }));

/** Lines for when a condition, the text of an expression, holds, and lines for when it does not. */
export const branches = (condition, held, otherwise) => [
  `if (${condition}) {`,
  ...held.flat().map((line) => `  ${line}`),
  "} else {",
  ...otherwise.flat().map((line) => `  ${line}`),
  "}",
];

/** Asks again until the order is final, a bounded number of times, and then judges it; `members` is the text of an object. */
export const untilFinal = (outcome, members) => [
  "const order = pm.response.json();",
  'const attempt = (pm.variables.get("attempt") ?? 0) + 1;',
  `if (order.status === "NEW" && attempt < ${ATTEMPTS}) {`,
  "  // Runs this request again; Postman waits for a script's timers before it goes on.",
  '  pm.variables.set("attempt", attempt);',
  "  pm.execution.setNextRequest(pm.info.requestName);",
  `  setTimeout(() => {}, ${PAUSE});`,
  "} else {",
  '  pm.variables.unset("attempt");',
  `  ${check(`the order became ${outcome}`, `pm.expect(order).to.include(${members})`)}`,
  "}",
];
