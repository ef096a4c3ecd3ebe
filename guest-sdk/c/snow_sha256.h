// SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), since no libc has them.
#ifndef SNOW_SHA256_H
#define SNOW_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SNOW_SHA256_BYTES 32
#define SNOW_SHA256_BLOCK_BYTES 64

// A hash of what comes in pieces.
typedef struct {
  uint32_t state[8];
  // The bytes of the block that is not full.
  uint8_t block[SNOW_SHA256_BLOCK_BYTES];
  // How many bytes there were in all.
  uint64_t len;
} snow_sha256;

void snow_sha256_begin(snow_sha256 *hash);
void snow_sha256_add(snow_sha256 *hash, const void *bytes, size_t len);
void snow_sha256_end(snow_sha256 *hash, uint8_t digest[SNOW_SHA256_BYTES]);

// An authentication code of what comes in pieces.
typedef struct {
  snow_sha256 inner, outer;
} snow_hmac;

void snow_hmac_begin(snow_hmac *code, const void *key, size_t len);
void snow_hmac_add(snow_hmac *code, const void *bytes, size_t len);
void snow_hmac_end(snow_hmac *code, uint8_t digest[SNOW_SHA256_BYTES]);

#endif
