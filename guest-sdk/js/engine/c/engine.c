/* QuickJS, compiled in the place of quickjs.c, and what the engine needs from its inside. */
#include "unwasi.h"

/* Whether there was no memory. QuickJS then throws null if it has none for an error either, and a
 * guest may throw null too. */
bool snow_has_run_out = false;

static void *snow_noted(void *memory, size_t size)
{
    if (memory == NULL && size != 0)
        snow_has_run_out = true;
    return memory;
}

static void *snow_calloc(size_t count, size_t size)
{
    return snow_noted(calloc(count, size), size);
}

static void *snow_malloc(size_t size)
{
    return snow_noted(malloc(size), size);
}

static void *snow_realloc(void *memory, size_t size)
{
    return snow_noted(realloc(memory, size), size);
}

#define calloc snow_calloc
#define malloc snow_malloc
#define realloc snow_realloc

#include "quickjs.c"

/* Gives a context the seed that all of its hashes and random numbers begin with. QuickJS takes it
 * from the clock, when it makes a context: here that is long before an instance begins. */
void snow_seed_hashes(JSContext *ctx, uint64_t seed)
{
    // xorshift never leaves zero.
    ctx->random_state = seed != 0 ? seed : 1;
    ctx->hash_seed = xorshift64star(&ctx->random_state);
}
