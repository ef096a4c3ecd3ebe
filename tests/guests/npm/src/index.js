// Packages that nobody here wrote: a validator, a date library, a router.

import dayjs from 'dayjs';
import utc from 'dayjs/plugin/utc';
import { AutoRouter } from 'itty-router';
import { route } from 'snow';
import { z } from 'zod';

dayjs.extend(utc);

const Order = z.object({
  id: z.number().int(),
  mail: z.email(),
  tags: z.array(z.string()).default([]),
});

route('POST', '/npm/validate', async (request) => {
  const { success, data, error } = Order.safeParse(await request.json());
  return success
    ? data
    : Response.json(
        error.issues.map(({ path }) => path.join('.')),
        { status: 422 },
      );
});

route('GET', '/npm/date', () => {
  return dayjs.utc('2024-01-31').add(1, 'month').format('YYYY-MM-DD [is a] dddd');
});

const router = AutoRouter({ base: '/npm/router' });
router.get('/hello/:name', ({ params, query }) => ({ hello: params.name, ...query }));
router.post('/echo', (request) => request.json());

route('any', '/npm/router/.*', (request) => router.fetch(request));
