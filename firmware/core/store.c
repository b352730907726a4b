/* The store of objects: a budget of bytes and one of instruction words; what was not used for the longest time goes. */
#include "kept_covers.h"
#include "objects.h"
#include "words.h"

#include <string.h>

static struct object table[MAX_OBJECTS];

struct object *store_next(const struct object *before)
{
    unsigned i = before ? (unsigned)(before - table) + 1 : 0;
    while (i < MAX_OBJECTS && !table[i].taken)
        i++;
    return i < MAX_OBJECTS ? &table[i] : NULL;
}

struct object *store_find(const uint8_t digest[16])
{
    struct object *o = store_next(NULL);
    while (o && memcmp(o->digest, digest, 16))
        o = store_next(o);
    return o;
}

void store_touch(struct store *s, struct object *o) { o->used = ++s->clock; }

/* ---- memory: objects lie one behind the other, and close up where the end has no room ---- */

static uint8_t memory[MEMORY_ROOM] STORE_SECTION;
static uint32_t memory_end;
/* What had to go for uploads that are not stored yet: digests, and the uploads' places in the table. One that has no
 * place yet is at NEWCOMER. */
enum { NEWCOMER = MAX_OBJECTS };
static uint8_t gone[MAX_OBJECTS][16];
static uint16_t gone_for[MAX_OBJECTS];
static unsigned gone_count;

static void close_up(void)
{
    uint32_t end = 0;
    for (;;) {
        struct object *lowest = NULL;                  /* of those that lie at end or behind it */
        for (struct object *o = store_next(NULL); o; o = store_next(o))
            if (!o->constant && o->data && o->data >= memory + end && (!lowest || o->data < lowest->data))
                lowest = o;
        if (!lowest)
            break;
        memmove(memory + end, lowest->data, lowest->size);
        lowest->data = memory + end;
        end += lowest->size;
    }
    memory_end = end;
}

static uint32_t memory_of(const struct object *o) { return o->constant ? 0 : o->size; }

static uint8_t *room_for(uint32_t size)                /* the budget has it */
{
    if (MEMORY_ROOM - memory_end < size)
        close_up();
    memory_end += size;
    return memory + memory_end - size;
}

static unsigned place_of(const struct object *o) { return (unsigned)(o - table); }

static void told_for(unsigned place)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < gone_count; i++)
        if (gone_for[i] != place) {
            memmove(gone[kept], gone[i], 16);
            gone_for[kept++] = gone_for[i];
        }
    gone_count = kept;
}

void store_told(const struct object *o) { told_for(place_of(o)); }

const uint8_t *store_gone(const struct object *o, unsigned i)
{
    for (unsigned k = 0; k < gone_count; k++)
        if (gone_for[k] == place_of(o) && !i--)
            return gone[k];
    return NULL;
}

void store_drop(struct store *s, struct object *o)
{
    s->count--;
    s->used -= memory_of(o);
    s->icw_used -= o->words;
    store_told(o);
    covers_forget(o);
    o->taken = false;
}

struct object *store_oldest(struct store *s, bool blocks_only, const struct object *spared)
{
    struct object *oldest = NULL;
    for (struct object *o = store_next(NULL); o; o = store_next(o))
        if (o != spared && o->whole && !(blocks_only && !o->words) && !s->is_needed(o->digest)
            && (!oldest || o->used < oldest->used))
            oldest = o;
    return oldest;
}

static bool evict_for(struct store *s, unsigned place, bool blocks_only)
{
    struct object *o = store_oldest(s, blocks_only, place == NEWCOMER ? NULL : &table[place]);
    if (!o)
        return false;
    if (gone_count < MAX_OBJECTS) {
        memcpy(gone[gone_count], o->digest, 16);
        gone_for[gone_count++] = (uint16_t)place;
    }
    store_drop(s, o);
    return true;
}

/* Uploads go, all of them, where evicting objects is not enough but this is. An abandoned one must not hold
 * its room for ever. Returns whether `size` bytes fit then, once objects are evicted. */
static bool uploads_leave_room(struct store *s, uint32_t size)
{
    uint64_t needed = size, uploads = 0;
    unsigned needed_count = 1, upload_count = 0;
    for (struct object *o = store_next(NULL); o; o = store_next(o)) {
        bool is_needed = o->whole && s->is_needed(o->digest);
        uploads += o->whole ? 0 : o->size;
        upload_count += !o->whole;
        needed += is_needed ? memory_of(o) : 0;
        needed_count += is_needed;
    }
    if (needed > s->budget || needed_count > MAX_OBJECTS)
        return false;
    bool keep = needed + uploads <= s->budget && needed_count + upload_count <= MAX_OBJECTS;
    for (struct object *o = store_next(NULL); !keep && o; o = store_next(o))
        if (!o->whole)
            store_drop(s, o);
    return true;
}

void store_limit(struct store *s, uint32_t budget)
{
    s->budget = budget;
    uploads_leave_room(s, 0);
}

static struct object *begin(struct store *s, const uint8_t digest[16], uint32_t size)
{
    if (!uploads_leave_room(s, size))
        return NULL;
    while ((s->used + size > s->budget || s->count >= MAX_OBJECTS) && evict_for(s, NEWCOMER, false)) { }
    if (s->used + size > s->budget || s->count >= MAX_OBJECTS) {
        told_for(NEWCOMER);
        return NULL;
    }
    struct object *one = table;
    while (one->taken)
        one++;
    memset(one, 0, sizeof *one);
    for (unsigned i = 0; i < gone_count; i++)
        if (gone_for[i] == NEWCOMER)
            gone_for[i] = (uint16_t)place_of(one);
    memcpy(one->digest, digest, 16);
    one->taken = true;
    s->count++;
    store_touch(s, one);
    return one;
}

struct object *store_begin(struct store *s, const uint8_t digest[16], uint32_t size)
{
    struct object *one = begin(s, digest, size);
    if (!one)
        return NULL;
    one->data = room_for(size);
    one->size = size;
    s->used += size;
    return one;
}

struct object *store_from_flash(struct store *s, const struct flash *flash, const uint8_t digest[16])
{
    for (unsigned i = 0; flash && i < flash->count; i++) {
        const struct constant_object *found = &flash->objects[i];
        if (memcmp(found->digest, digest, 16))
            continue;
        struct object *one = begin(s, digest, 0);
        if (!one)
            return NULL;
        one->constant = true;
        one->data = (uint8_t *)(uintptr_t)found->data;  /* nobody writes to a whole object */
        one->size = found->size;
        bool fits = store_finish(s, one);
        store_told(one);                               /* no host waits to be told what went */
        if (!fits)
            store_drop(s, one);
        return fits ? one : NULL;
    }
    return NULL;
}

/* ---- the instruction store: blocks lie in one piece each ---- */

enum { LOADED_TOGETHER = 32 };

/* The compiler is held to it that what struct object has bits for is never more: a size, and the time of 1,024 words. */
enum { GREATEST_PRICE = COST_ANALOG_WORD_NS | COST_DIGITAL_WORD_NS | COST_DNEWS_WORD_NS | COST_PROP_WORD_NS | COST_AER_WORD_NS
                      | COST_DOUT_WORD_NS | COST_FAST_WORD_NS };
typedef char sizes_have_24_bits[MAX_OBJECT < 1u << 24 ? 1 : -1];
typedef char times_have_24_bits[GREATEST_PRICE < 1 << 14 ? 1 : -1];

static bool is_free(const struct store *s, const struct object *one, uint32_t at)
{
    for (const struct object *o = store_next(NULL); o; o = store_next(o))
        if (o != one && o->words && at < o->at + o->words && o->at < at + one->words)
            return false;
    return at + one->words <= s->icw_room;
}

struct loading { uint32_t at, ns, reads, writes; unsigned count; struct icw words[LOADED_TOGETHER]; };

static void load_word(void *context, const struct icw *word)
{
    struct loading *l = context;
    uint32_t reads, writes;
    word_registers(word, &reads, &writes);
    l->reads |= reads;
    l->writes |= writes;
    l->ns += word_ns(word->clock);
    l->words[l->count++] = *word;
    if (l->count == LOADED_TOGETHER) {
        array_load(l->at, l->words, l->count);
        l->at += l->count;
        l->count = 0;
    }
}

static void load(struct object *o, uint32_t at)
{
    struct loading l = {.at = at};
    o->at = (uint16_t)at;
    block_words(o->data, o->size, load_word, &l);
    if (l.count)
        array_load(l.at, l.words, l.count);
    o->of.block.reads = l.reads & 0xFFFFF;
    o->of.block.writes = l.writes & 0xFFFFF;
    o->of.block.ns_low = l.ns & 0xFFF;
    o->of.block.ns_high = l.ns >> 12 & 0xFFF;
}

static void place(struct store *s, struct object *one)
{
    uint32_t at = 0;
    if (is_free(s, one, 0)) {
        load(one, 0);
        return;
    }
    for (const struct object *o = store_next(NULL); o; o = store_next(o))
        if (o != one && o->words && is_free(s, one, o->at + o->words)) {
            load(one, o->at + o->words);
            return;
        }
    for (struct object *o = store_next(NULL); o; o = store_next(o))  /* no gap is large enough: close them all */
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
    for (struct object *other = store_next(NULL); other; other = store_next(other))
        if (other->whole && s->is_needed(other->digest))
            bound += other->words;
    if (bound > s->icw_room)
        return false;
    o->whole = true;
    memset(&o->of, 0, sizeof o->of);
    while (s->icw_used + words > s->icw_room && evict_for(s, place_of(o), true)) { }
    o->words = (uint16_t)words;
    s->icw_used += words;
    if (words)
        place(s, o);
    store_touch(s, o);
    return true;
}
