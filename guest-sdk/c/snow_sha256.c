// SHA-256 by the words of FIPS 180-4, and HMAC by those of RFC 2104.

#include <string.h>

#include "snow_sha256.h"

// The first 32 bits behind the point of the cube roots of the first 64 primes (section 4.2.2).
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

// Returns the number whose bytes these are, the highest first.
static uint32_t word_of(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Takes a whole block into the state (section 6.2.2, whose names these are).
static void take_block(uint32_t state[8], const uint8_t block[SNOW_SHA256_BLOCK_BYTES]) {
  uint32_t w[64];
  for (int t = 0; t < 16; t++)
    w[t] = word_of(block + 4 * t);
  for (int t = 16; t < 64; t++) {
    uint32_t s0 = rotated(w[t - 15], 7) ^ rotated(w[t - 15], 18) ^ w[t - 15] >> 3;
    uint32_t s1 = rotated(w[t - 2], 17) ^ rotated(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int t = 0; t < 64; t++) {
    uint32_t s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + constants[t] + w[t];
    uint32_t s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const uint32_t words[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++)
    state[i] += words[i];
}

void snow_sha256_begin(snow_sha256 *hash) {
  // The first 32 bits behind the point of the square roots of the first eight primes (section 5.3.3).
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, first, sizeof first);
  hash->len = 0;
}

void snow_sha256_add(snow_sha256 *hash, const void *bytes, size_t len) {
  const uint8_t *from = bytes;
  size_t at = hash->len % sizeof hash->block;
  hash->len += len;
  while (len > 0) {
    size_t piece = sizeof hash->block - at;
    if (piece > len)
      piece = len;
    memcpy(hash->block + at, from, piece);
    from += piece;
    len -= piece;
    at += piece;
    if (at == sizeof hash->block) {
      take_block(hash->state, hash->block);
      at = 0;
    }
  }
}

void snow_sha256_end(snow_sha256 *hash, uint8_t digest[SNOW_SHA256_BYTES]) {
  // A one, zeros up to eight bytes before the end of a block, and the number of bits (section 5.1.1).
  static const uint8_t padding[SNOW_SHA256_BLOCK_BYTES] = {0x80};
  uint64_t bits = hash->len * 8;
  uint8_t length[8];
  for (int i = 0; i < 8; i++)
    length[i] = (uint8_t)(bits >> (56 - 8 * i));
  size_t at = hash->len % sizeof hash->block;
  snow_sha256_add(hash, padding, (at < 56 ? 56 : 120) - at);
  snow_sha256_add(hash, length, sizeof length);
  for (int i = 0; i < SNOW_SHA256_BYTES; i++)
    digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void snow_hmac_begin(snow_hmac *code, const void *key, size_t len) {
  uint8_t block[SNOW_SHA256_BLOCK_BYTES] = {0};
  if (len > sizeof block) {
    snow_sha256_begin(&code->inner);
    snow_sha256_add(&code->inner, key, len);
    snow_sha256_end(&code->inner, block);
  } else if (len > 0) {
    memcpy(block, key, len);
  }
  snow_sha256_begin(&code->inner);
  snow_sha256_begin(&code->outer);
  for (size_t i = 0; i < sizeof block; i++)
    block[i] ^= 0x36;
  snow_sha256_add(&code->inner, block, sizeof block);
  for (size_t i = 0; i < sizeof block; i++)
    block[i] ^= 0x36 ^ 0x5c;
  snow_sha256_add(&code->outer, block, sizeof block);
}

void snow_hmac_add(snow_hmac *code, const void *bytes, size_t len) {
  snow_sha256_add(&code->inner, bytes, len);
}

void snow_hmac_end(snow_hmac *code, uint8_t digest[SNOW_SHA256_BYTES]) {
  snow_sha256_end(&code->inner, digest);
  snow_sha256_add(&code->outer, digest, SNOW_SHA256_BYTES);
  snow_sha256_end(&code->outer, digest);
}
