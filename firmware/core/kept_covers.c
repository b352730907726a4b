#include "kept_covers.h"

#include <string.h>

/* A cover is a byte with the number of its cubes, and then as many bits for each value and free as a position has. The
 * covers of a node lie one behind the other, in the order of its steps; nodes close up where one loses its own. */
static uint8_t room[COVER_ROOM];
static unsigned room_used;

static bool has_covers(const struct object *o) { return o->whole && o->data[0] == KIND_NODE && o->of.covers.size; }

void covers_forget(struct object *node)
{
    if (!has_covers(node))
        return;
    unsigned at = node->of.covers.at, size = node->of.covers.size;
    room_used -= size;
    memmove(room + at, room + at + size, room_used - at);
    node->of.covers.size = 0;
    for (struct object *o = store_next(NULL); o; o = store_next(o))
        if (has_covers(o) && o->of.covers.at > at)
            o->of.covers.at = (uint16_t)(o->of.covers.at - size);
}

static bool make_room(const struct object *node, unsigned size)
{
    while (room_used + size > COVER_ROOM) {
        struct object *oldest = NULL;
        for (struct object *o = store_next(NULL); o; o = store_next(o))
            if (o != node && has_covers(o) && (!oldest || o->used < oldest->used))
                oldest = o;
        if (!oldest)
            return false;
        covers_forget(oldest);
    }
    return true;
}

static unsigned bits_of(unsigned positions)
{
    unsigned bits = 0;
    while (positions >>= 1)
        bits++;
    return bits;
}

static unsigned size_of(unsigned bits, unsigned count) { return 1 + (2 * bits * count + 7) / 8; }

bool covers_read(struct covers_passed *passed, unsigned positions, struct cube *out, unsigned *count)
{
    const struct object *node = passed->node;
    if (!node || passed->bytes >= node->of.covers.size)
        return false;
    const uint8_t *p = room + node->of.covers.at + passed->bytes;
    unsigned bits = bits_of(positions), held = 0;
    uint32_t waiting = 0;
    *count = *p;
    passed->bytes = (uint16_t)(passed->bytes + size_of(bits, *p));
    for (unsigned left = *p++; left; left--) {
        for (; held < 2 * bits; held += 8)
            waiting |= (uint32_t)*p++ << held;
        *out++ = (struct cube){(uint8_t)(waiting & (positions - 1)), (uint8_t)(waiting >> bits & (positions - 1))};
        waiting >>= 2 * bits;
        held -= 2 * bits;
    }
    return true;
}

void covers_keep(struct covers_passed *passed, unsigned positions, const struct cube *cubes, unsigned count)
{
    struct object *node = passed->node;
    unsigned bits = bits_of(positions), size = size_of(bits, count), held = 0;
    if (!node)
        return;
    bool last = !node->of.covers.size || node->of.covers.at + node->of.covers.size == room_used;
    if (!last)
        covers_forget(node);                           /* a frame that ended early left a part: the next one begins anew */
    if (!last || !make_room(node, size)) {
        passed->node = NULL;
        return;
    }
    if (!node->of.covers.size)
        node->of.covers.at = (uint16_t)room_used;
    uint8_t *p = room + room_used;
    uint32_t waiting = 0;
    *p++ = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        waiting |= (uint32_t)(cubes[i].value | cubes[i].free << bits) << held;
        for (held += 2 * bits; held >= 8; held -= 8, waiting >>= 8)
            *p++ = (uint8_t)waiting;
    }
    if (held)
        *p = (uint8_t)waiting;
    room_used += size;
    node->of.covers.size = (uint16_t)(node->of.covers.size + size);
    passed->bytes = node->of.covers.size;
}
