// node server.js PORT MODULES URL CONNECTIONS: the routes of bench/guests/queried, with nothing but
// Node's http module and the package `pg` of the folder MODULES.

const http = require("node:http");
const path = require("node:path");

const [port, modules, url, connections] = process.argv.slice(2);
const { Client, Pool } = require(path.join(modules, "pg"));

const pool = new Pool({ connectionString: url, max: Number(connections) });
// One connection listens for all who wait.
const listener = new Client({ connectionString: url });
let waiting = [];

listener.on("notification", ({ payload }) => {
  const told = waiting;
  waiting = [];
  for (const response of told) text(response, payload);
});

function text(response, body, status = 200) {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function answer(request, response) {
  const [, operation, id] = request.url.split("/");
  switch (operation) {
    case "hello":
      return text(response, "hello world");
    case "row": {
      // A statement with a name is prepared once for each connection.
      const found = await pool.query({
        name: "row",
        text: "select text from rows where id = $1",
        values: [id],
      });
      return found.rows.length ? text(response, found.rows[0].text) : text(response, "no such row", 404);
    }
    case "wait":
      waiting.push(response);
      return;
    case "notify":
      await pool.query("select pg_notify('bench', 'told')");
      return text(response, "1");
    default:
      return text(response, "not found", 404);
  }
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => text(response, String(error), 500));
});

server.requestTimeout = 0;
listener
  .connect()
  .then(() => listener.query("listen bench"))
  .then(() => server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }));
