/* What is uploaded: the store with its budget, and whether bytes are an object. docs/reference/objects.md. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "clock.h"
#include "codec.h"
#include "limits.h"
#include "tables.h"

enum kind { KIND_BLOCK = 1, KIND_SEGMENT, KIND_PROGRAM, KIND_NODE, KIND_TREE };

struct object {
    uint8_t digest[16], *data;                         /* data moves when room is made: do not keep it */
    unsigned size : 24;
    unsigned verified : 5;                             /* of a node: for which tree, see frame.c; 0 for none */
    unsigned taken : 1, whole : 1, constant : 1;       /* constant: it lies in flash, and takes none of the budget */
    uint32_t used;                                     /* rises with every use */
    union {
        uint32_t received;                             /* bytes, until it is whole */
        struct {                                       /* of a block: what its words depend on and change, as in words.h; */
            unsigned reads : 20, ns_low : 12;          /* device time of them all, in two parts: see words_ns */
            unsigned writes : 20, ns_high : 12;
        } block;
        struct { uint16_t at, size; } covers;          /* of a node: kept_covers.c */
    } of;
    uint16_t words, at;                                /* of a block: words in the instruction store, the first of them */
};

/* Device time of all words of a block, once. */
static inline uint32_t words_ns(const struct object *block)
{
    return (uint32_t)block->of.block.ns_high << 12 | block->of.block.ns_low;
}

/* Objects that lie in flash, and the tree among them that runs without a host: pixeltree export writes them. */
struct flash {
    unsigned count;
    const struct constant_object { uint8_t digest[16]; uint32_t size; const uint8_t *data; } *objects;
    uint8_t tree[16];
    uint32_t every_ms;                                 /* from one frame's start to the next one's */
    uint8_t exposure_mode;                             /* as in SET_EXPOSURE */
    uint32_t exposure_us;
};

struct store {
    unsigned count;
    uint32_t budget, used, icw_room, icw_used;
    uint32_t clock;
    bool (*is_needed)(const uint8_t digest[16]);       /* must not be evicted */
};

/* A number of one to three bytes at p + *at, which is moved behind it; false where there is none. */
bool varint(uint32_t *value, const uint8_t *p, size_t size, size_t *at);
/* Bytes of an output's weights, of a fully connected segment; without planes they are ternary. */
uint32_t row_bytes(const uint8_t *segment);
/* A step at p: its row of the table and its operands; returns its bytes, 0 where it is none. */
size_t read_step(const uint8_t *p, size_t size, const struct step **form, int32_t values[MOST_OPERANDS]);
int32_t least_of(const struct step *step, unsigned operand);   /* what an operand may be at least */
bool decides(uint8_t opcode);                          /* Argmax, Proceed */
bool is_block(const uint8_t *data, size_t size);       /* its kind and version are right */
bool is_object(const uint8_t *data, size_t size);      /* valid, and in the one form that it has */
/* The objects, whole or not, one after the other: NULL begins, and ends. */
struct object *store_next(const struct object *before);
struct object *store_find(const uint8_t digest[16]);
void store_touch(struct store *s, struct object *o);
void store_limit(struct store *s, uint32_t budget);    /* evicting what is whole is left to the caller */
/* An empty upload, after evicting what must go for it; NULL where it does not fit. */
struct object *store_begin(struct store *s, const uint8_t digest[16], uint32_t size);
/* Takes a whole upload's words out of the instruction store's room; false where they do not fit. */
bool store_finish(struct store *s, struct object *o);
/* Makes an object of flash resident, where there is one of that digest; NULL otherwise. */
struct object *store_from_flash(struct store *s, const struct flash *flash, const uint8_t digest[16]);
void store_drop(struct store *s, struct object *o);
struct object *store_oldest(struct store *s, bool blocks_only, const struct object *spared);
/* What had to go for an upload: the i-th, NULL behind the last; and that this was told. */
const uint8_t *store_gone(const struct object *o, unsigned i);
void store_told(const struct object *o);

#endif
