// node server.js PORT MODULES FOLDER memory|disk: the routes of bench/guests/stored over Redis, with
// nothing but Node's http module and the package `redis` of the folder MODULES.
//
// Redis is a child of this process, so that its CPU is counted too. It listens on a unix socket in
// FOLDER, which is faster than TCP.

const http = require("node:http");
const path = require("node:path");
const { spawn } = require("node:child_process");

const [port, modules, folder, kind] = process.argv.slice(2);
const { createClient } = require(path.join(modules, "redis"));

const socket = path.join(folder, "redis.sock");
// On disk: a write is acknowledged once it is there, as with `snow-host run --data`.
const durable = kind === "disk" ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
const redis = spawn(
  "redis-server",
  ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", ...durable],
  { stdio: "ignore" },
);
redis.on("error", (error) => fail(error.message));
redis.on("exit", (code) => fail(`redis-server has ended with ${code}`));

// bench/run ends this process by SIGTERM.
process.on("SIGTERM", () => {
  redis.removeAllListeners("exit");
  redis.on("exit", () => process.exit(0));
  redis.kill();
});

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

const client = createClient({ socket: { path: socket } });
// It connects again until Redis is there.
client.on("error", () => {});

function text(response, body, status = 200) {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function answer(request, response) {
  const [, operation, key] = request.url.split("/");
  switch (`${request.method} ${operation}`) {
    case "GET get": {
      const value = await client.get(key);
      return value === null ? text(response, "no such key", 404) : text(response, value);
    }
    case "POST set":
      await client.set(key, await body(request));
      return text(response, "stored");
    case "POST count":
      return text(response, String(await client.incr(key)));
    default:
      return text(response, "not found", 404);
  }
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => text(response, String(error), 500));
});

client.connect().then(() => server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }));
