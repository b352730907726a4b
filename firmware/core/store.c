/* The store of objects: a budget of bytes and one of instruction words; what was not used for the longest time goes. */
#include "objects.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

struct object *store_find(struct store *s, const uint8_t digest[16])
{
    struct object *o = s->first;
    while (o && memcmp(o->digest, digest, 16))
        o = o->next;
    return o;
}

void store_touch(struct store *s, struct object *o) { o->used = ++s->clock; }

void store_drop(struct store *s, struct object *o)
{
    struct object **link = &s->first;
    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
    s->count--;
    s->used -= o->size;
    s->icw_used -= o->words;
    free(o->data);
    free(o->evicted);
    free(o);
}

struct object *store_oldest(struct store *s, bool blocks_only, const struct object *spared)
{
    struct object *oldest = NULL;
    for (struct object *o = s->first; o; o = o->next)
        if (o != spared && o->whole && !(blocks_only && !o->words) && !s->is_needed(o->digest)
            && (!oldest || o->used < oldest->used))
            oldest = o;
    return oldest;
}

static bool evict_for(struct store *s, struct object *one)
{
    struct object *o = store_oldest(s, one->whole, one);
    uint8_t (*list)[16] = o ? realloc(one->evicted, 16u * (one->evicted_count + 1u)) : NULL;
    if (!list)
        return false;
    one->evicted = list;
    memcpy(list[one->evicted_count++], o->digest, 16);
    store_drop(s, o);
    return true;
}

/* Uploads go, all of them, where evicting objects is not enough but this is. An abandoned one must not hold
 * its room for ever. Returns whether `size` bytes fit then, once objects are evicted. */
static bool uploads_leave_room(struct store *s, uint32_t size)
{
    uint64_t needed = size, uploads = 0;
    unsigned needed_count = 1, upload_count = 0;
    for (struct object *o = s->first; o; o = o->next) {
        bool is_needed = o->whole && s->is_needed(o->digest);
        uploads += o->whole ? 0 : o->size;
        upload_count += !o->whole;
        needed += is_needed ? o->size : 0;
        needed_count += is_needed;
    }
    if (needed > s->budget || needed_count > MAX_OBJECTS)
        return false;
    bool keep = needed + uploads <= s->budget && needed_count + upload_count <= MAX_OBJECTS;
    for (struct object *o = s->first, *next; !keep && o; o = next) {
        next = o->next;
        if (!o->whole)
            store_drop(s, o);
    }
    return true;
}

void store_limit(struct store *s, uint32_t budget)
{
    s->budget = budget;
    uploads_leave_room(s, 0);
}

struct object *store_begin(struct store *s, const uint8_t digest[16], uint32_t size)
{
    struct object *one = uploads_leave_room(s, size) ? calloc(1, sizeof *one) : NULL;
    if (!one)
        return NULL;
    memcpy(one->digest, digest, 16);
    while ((s->used + size > s->budget || s->count >= MAX_OBJECTS) && evict_for(s, one)) { }
    one->data = malloc(size);
    if (!one->data || s->used + size > s->budget || s->count >= MAX_OBJECTS) {
        free(one->data);
        free(one->evicted);
        free(one);
        return NULL;
    }
    one->size = size;
    one->next = s->first;
    s->first = one;
    s->used += size;
    s->count++;
    store_touch(s, one);
    return one;
}

/* ---- the instruction store: blocks lie in one piece each ---- */

static bool is_free(const struct store *s, const struct object *one, uint32_t at)
{
    for (const struct object *o = s->first; o; o = o->next)
        if (o != one && o->words && at < o->at + o->words && o->at < at + one->words)
            return false;
    return at + one->words <= s->icw_room;
}

static void load(struct object *o, uint32_t at)
{
    static struct icw words[1024];
    block_words(o->data, o->size, words);
    memset(o->classes, 0, sizeof o->classes);
    for (uint32_t i = 0; i < o->words; i++)
        o->classes[words[i].clock]++;
    o->at = (uint16_t)at;
    array_load(at, words, o->words);
}

static void place(struct store *s, struct object *one)
{
    uint32_t at = 0;
    if (is_free(s, one, 0)) {
        load(one, 0);
        return;
    }
    for (const struct object *o = s->first; o; o = o->next)
        if (o != one && o->words && is_free(s, one, o->at + o->words)) {
            load(one, o->at + o->words);
            return;
        }
    for (struct object *o = s->first; o; o = o->next)  /* no gap is large enough: close them all */
        if (o != one && o->words) {
            load(o, at);
            at += o->words;
        }
    load(one, at);
}

bool store_finish(struct store *s, struct object *o)
{
    uint32_t words = 0;
    size_t at = 2;
    if (o->data[0] == KIND_BLOCK)
        varint(&words, o->data, o->size, &at);
    uint32_t bound = words;
    for (struct object *other = s->first; other; other = other->next)
        if (other->whole && s->is_needed(other->digest))
            bound += other->words;
    if (bound > s->icw_room)
        return false;
    o->whole = true;
    while (s->icw_used + words > s->icw_room && evict_for(s, o)) { }
    o->words = words;
    s->icw_used += words;
    if (words)
        place(s, o);
    store_touch(s, o);
    return true;
}
