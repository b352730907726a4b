/* Bytes on the wire: integers, CRC-32, COBS; and the digests that the protocol names. */
#ifndef CODEC_H
#define CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COBS_ROOM(n) ((n) + (n) / 254 + 1)            /* most bytes that n bytes become */
#define WIRE_ROOM(payload) (COBS_ROOM((payload) + 6) + 1)

static inline uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t u32(const uint8_t *p) { return u16(p) | (uint32_t)u16(p + 2) << 16; }
static inline uint64_t u64(const uint8_t *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }
void store_little(uint8_t *p, uint64_t value, size_t bytes);

/* A payload as a frame with its final zero; returns the bytes written, at most WIRE_ROOM(size). */
size_t frame_encode(uint8_t *out, const uint8_t *payload, size_t size);
/* The bytes between two zeros, decoded in place; the payload is at bytes + 2. 0 where damaged. */
size_t frame_decode(uint8_t *bytes, size_t size);

void blake2b_128(uint8_t digest[16], const uint8_t *data, size_t size);
/* HMAC-SHA256 of three parts one after the other. */
void hmac_sha256(uint8_t mac[32], const uint8_t *key, size_t key_size, const char *first,
                 const uint8_t second[16], const uint8_t third[16]);
bool is_utf8(const uint8_t *text, size_t size);

#endif
