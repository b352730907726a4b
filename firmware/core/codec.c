#include "codec.h"

#include <string.h>

void store_little(uint8_t *p, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t size)
{
    static const uint32_t TABLE[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    for (crc = ~crc; size--; p++) {
        crc ^= *p;
        crc = TABLE[crc & 15] ^ crc >> 4;
        crc = TABLE[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

struct cobs { uint8_t *out; size_t at, code; };        /* `code` is where the open piece's code goes */

static void cobs_add(struct cobs *c, const uint8_t *p, size_t size)
{
    for (; size--; p++) {
        if (*p)
            c->out[c->at++] = *p;
        if (!*p || c->at - c->code == 255) {
            c->out[c->code] = (uint8_t)(c->at - c->code);
            c->code = c->at++;
        }
    }
}

size_t frame_encode(uint8_t *out, const uint8_t *payload, size_t size)
{
    struct cobs c = {out, 1, 0};
    uint8_t word[4];
    store_little(word, size, 2);
    uint32_t crc = crc32(crc32(0, word, 2), payload, size);
    cobs_add(&c, word, 2);
    cobs_add(&c, payload, size);
    store_little(word, crc, 4);
    cobs_add(&c, word, 4);
    out[c.code] = (uint8_t)(c.at - c.code);
    out[c.at++] = 0;
    return c.at;
}

size_t frame_decode(uint8_t *bytes, size_t size)
{
    size_t in = 0, out = 0;
    while (in < size) {
        uint8_t code = bytes[in++];
        if (in + code - 1 > size)
            return 0;
        memmove(bytes + out, bytes + in, code - 1u);
        in += code - 1u;
        out += code - 1u;
        if (code < 255 && in < size)
            bytes[out++] = 0;
    }
    if (out < 7 || u16(bytes) != out - 6 || u32(bytes + out - 4) != crc32(0, bytes, out - 4))
        return 0;
    return out - 6;
}

/* BLAKE2b, RFC 7693. */

static const uint64_t B2B_IV[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint8_t B2B_SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static uint64_t rotr64(uint64_t x, int n) { return x >> n | x << (64 - n); }

static void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x; v[d] = rotr64(v[d] ^ v[a], 32);
    v[c] += v[d];     v[b] = rotr64(v[b] ^ v[c], 24);
    v[a] += v[b] + y; v[d] = rotr64(v[d] ^ v[a], 16);
    v[c] += v[d];     v[b] = rotr64(v[b] ^ v[c], 63);
}

static void b2b_block(uint64_t h[8], const uint8_t block[128], uint64_t count, bool last)
{
    uint64_t v[16], m[16];
    memcpy(v, h, 64);
    memcpy(v + 8, B2B_IV, 64);
    v[12] ^= count;
    if (last)
        v[14] = ~v[14];
    for (int i = 0; i < 16; i++)
        m[i] = u64(block + 8 * i);
    for (int r = 0; r < 12; r++) {
        const uint8_t *s = B2B_SIGMA[r % 10];
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        h[i] ^= v[i] ^ v[i + 8];
}

void blake2b_128(uint8_t digest[16], const uint8_t *data, size_t size)
{
    uint64_t h[8], count = 0;
    uint8_t block[128] = {0};
    memcpy(h, B2B_IV, 64);
    h[0] ^= 0x01010000 ^ 16;                           /* no key, 16 bytes of output */
    for (; size > 128; data += 128, size -= 128)
        b2b_block(h, data, count += 128, false);
    memcpy(block, data, size);
    b2b_block(h, block, count + size, true);
    store_little(digest, h[0], 8);
    store_little(digest + 8, h[1], 8);
}

/* SHA-256, FIPS 180-4. */

static const uint32_t SHA_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, int n) { return x >> n | x << (32 - n); }
static uint32_t big32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

static void sha_block(uint32_t h[8], const uint8_t *p)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = big32(p + 4 * i);
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7]
             + (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, h, 32);
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + SHA_K[i] + w[i];
        uint32_t s = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 28);
        v[4] += t;
        v[0] = t + s;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

static void sha256(uint8_t digest[32], uint8_t *data, size_t size)    /* needs 72 bytes of room behind the data */
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    size_t padded = (size + 9 + 63) / 64 * 64;
    memset(data + size, 0, padded - size);
    data[size] = 0x80;
    for (int i = 0; i < 8; i++)
        data[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (size_t i = 0; i < padded; i += 64)
        sha_block(h, data + i);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void hmac_sha256(uint8_t mac[32], const uint8_t *key, size_t key_size, const char *first,
                 const uint8_t second[16], const uint8_t third[16])
{
    uint8_t pad[64] = {0}, data[4096 + 72], inner[32];
    size_t size = strlen(first);
    if (key_size > 64) {                               /* at most 4,096 bytes: the device sees to it */
        memcpy(data, key, key_size);
        sha256(pad, data, key_size);
    } else {
        memcpy(pad, key, key_size);
    }
    for (int i = 0; i < 64; i++)
        data[i] = pad[i] ^ 0x36;
    memcpy(data + 64, first, size);                    /* NOLINT(bugprone-not-null-terminated-result): no text */
    memcpy(data + 64 + size, second, 16);
    memcpy(data + 80 + size, third, 16);
    sha256(inner, data, 96 + size);
    for (int i = 0; i < 64; i++)
        data[i] = pad[i] ^ 0x5c;
    memcpy(data + 64, inner, 32);
    sha256(mac, data, 96);
}

bool is_utf8(const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size;
    while (p < end) {
        uint8_t lead = *p++;
        int more = lead < 0x80 ? 0 : lead >= 0xC2 && lead < 0xE0 ? 1 : (lead & 0xF0) == 0xE0 ? 2
                 : lead >= 0xF0 && lead < 0xF5 ? 3 : -1;
        if (more < 0 || end - p < more)
            return false;
        if (more && ((lead == 0xE0 && *p < 0xA0) || (lead == 0xED && *p > 0x9F)
                     || (lead == 0xF0 && *p < 0x90) || (lead == 0xF4 && *p > 0x8F)))
            return false;
        for (; more--; p++)
            if ((*p & 0xC0) != 0x80)
                return false;
    }
    return true;
}
