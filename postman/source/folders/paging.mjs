// Lists page by page: limit, cursor, the link to the next page, and the filter.
// Absent: bad limits and cursors (refusals).
import { call, folder } from "../request.mjs";
import { check, header, keep, noHeader, says } from "../scripts.mjs";

/** Two pages of a list of which `size + rest` items are known to be there. */
function pages(operation, what, { size, rest }) {
  const path = operation.split(" ")[1];
  const [cursor, seen] = [`${what}Cursor`, `${what}Seen`];
  const ids = `pm.response.json().${what}.map(({ id }) => id)`;
  const items = (count) => check(`it has ${count} of them`, `pm.expect(pm.response.json().${what}).to.have.lengthOf(${count})`);
  return [
    call(operation, {
      name: `First page of ${what}`,
      query: { limit: size },
      like: { next_cursor: "bG9vayBoZXJl" },
      then: [
        items(size),
        header("Link", `\`<${path}?limit=${size}&cursor=\${pm.response.json().next_cursor}>; rel="next"\``),
        keep(cursor, "pm.response.json().next_cursor"),
        keep(seen, `JSON.stringify(${ids})`),
      ],
    }),
    call(operation, {
      name: `Last page of ${what}`,
      query: { limit: size, cursor: `{{${cursor}}}` },
      then: [
        items(rest),
        says("it is the last", "{ next_cursor: null }"),
        noHeader("Link"),
        check("nothing comes twice", `pm.expect(${ids}).to.not.have.any.members(JSON.parse(pm.variables.get("${seen}")))`),
      ],
    }),
  ];
}

/** The orders of one status, as the folders before have left them. */
const filtered = (status, count) => call("GET /orders", {
  name: `Only orders that are ${status}`,
  query: { status },
  like: count > 0 ? {} : { orders: [] },
  then: [check(`${count} of them, and no others`,
    `pm.expect(pm.response.json().orders.map(({ status }) => status)).to.eql(${JSON.stringify(Array(count).fill(status))})`)],
});

export default folder("3 Page by page", `
  Lists are newest first. \`limit\` is 1 to 100, 50 by default; \`next_cursor\` leads to the next page and is null on the last; so does the \`Link\` header.
  Three orders and four entries of the folders before are paged through.`,
  pages("GET /orders", "orders", { size: 2, rest: 1 }),
  pages("GET /accounts/transactions", "transactions", { size: 3, rest: 1 }),
  filtered("FINISHED", 2), filtered("CANCELLED", 1), filtered("NEW", 0));
