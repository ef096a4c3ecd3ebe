// The guest of the measures `languages` and `held`, in JavaScript.
//
// | route | answer |
// |---|---|
// | `GET /js/hello` | `hello world` |
// | `GET /js/rows` | a table of 100 rows as JSON, made for each request |
// | `GET /js/hold` | what the key `requests` is settled with |

import { route, pending, suspend } from 'snow';

const ROWS = 100;

route('GET', '/js/hello', () => 'hello world');

route('GET', '/js/rows', () => {
  const rows = [];
  for (let id = 0; id < ROWS; id += 1) {
    rows.push({ id, name: `item ${id}`, price: id + 0.5, tags: ['new', `shelf ${id % 7}`] });
  }
  return { rows };
});

route('GET', '/js/hold', () => suspend(pending('requests'), { timeoutMs: 600_000 }), {
  resume: (resumed) => resumed.text(),
});
