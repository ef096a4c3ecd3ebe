// The routes of native-mio: /hello, /hold/, /stop-all/, /waiting/.
//
// A request that waits for another one's promise needs a timer too: workerd takes a request without
// any pending operation for one that hangs, and ends it.

const HOLD_MILLISECONDS = 600_000;
const held = new Set();

async function hold() {
  const wait = { released: false };
  const released = new Promise((resolve) => {
    wait.release = resolve;
  });
  held.add(wait);
  return Promise.race([released, scheduler.wait(HOLD_MILLISECONDS)]);
}

function releaseAll() {
  const count = held.size;
  for (const wait of held) wait.release();
  held.clear();
  return count;
}

const text = (body, status = 200) => new Response(body, { status, headers: { "content-type": "text/plain" } });

export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/hello":
        return text("hello world");
      case "/hold/":
        await hold();
        return text("done");
      case "/stop-all/":
        return text(String(releaseAll()));
      case "/waiting/":
        return text(String(held.size));
      default:
        return text("not found", 404);
    }
  },
};
