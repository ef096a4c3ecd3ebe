/* QuickJS, compiled in the place of quickjs.c, and what the engine needs from its inside. */
#include "unwasi.h"

#include "quickjs.c"

/* Gives a context the seed that all of its hashes and random numbers begin with. QuickJS takes it
 * from the clock, when it makes a context: here that is long before an instance begins. */
void snow_seed_hashes(JSContext *ctx, uint64_t seed)
{
    // xorshift never leaves zero.
    ctx->random_state = seed != 0 ? seed : 1;
    ctx->hash_seed = xorshift64star(&ctx->random_state);
}
