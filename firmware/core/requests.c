/* What a session asks for: docs/reference/protocol.md, "What a device does with each request". */
#include "frame.h"
#include "words.h"

#include <string.h>

struct store store = {.is_needed = is_needed};

void driver_left(void)                                 /* objects and uploads stay */
{
    drop_in_hand();
    tree_close();
    array_show(0, 0, 0, 0, false, NULL);
    exposure_give_back();
    store_limit(&store, config.memory);
}

void driver_came(void)                                 /* the tree that runs without a host makes way */
{
    drop_in_hand();
    tree_close();
    exposure_give_back();
}

void driver_is_back(struct session *s) { driver_present(s); }

static void on_query(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 2 || size != 2 + 16u * u16(p)) {
        error(s, request, ERR_MALFORMED, "QUERY does not parse");
        return;
    }
    start(MSG_HOLDINGS, request);
    add(u16(p), 2);
    for (unsigned i = 0; i < u16(p); i++) {
        struct object *o = resident_or_flash(p + 2 + 16 * i);
        if (!o)
            o = store_find(p + 2 + 16 * i);
        add(!o ? 0 : o->whole ? 0xFFFFFFFF : o->of.received, 4);
        if (o && s->role == DRIVE)
            store_touch(&store, o);
    }
    answer(s);
}

static void stored(struct session *s, uint16_t request, struct object *o)
{
    start(MSG_STORED, request);
    add_bytes(o->digest, 16);
    add(0, 2);
    unsigned count = 0;
    for (const uint8_t *digest; (digest = store_gone(o, count)); count++)
        add_bytes(digest, 16);
    overwrite(16, count, 2);
    answer(s);
    store_told(o);
}

struct asking { struct icw words[32]; unsigned count; bool taken; };

static void ask_array(struct asking *a)
{
    a->taken = a->taken && (!a->count || array_takes(a->words, a->count));
    a->count = 0;
}

static void ask_about(void *context, const struct icw *word)
{
    struct asking *a = context;
    a->words[a->count++] = *word;
    if (a->count == sizeof a->words / sizeof *a->words)
        ask_array(a);
}

/* Whether bytes are an object, and the array has a meaning for each of a block's words. */
static bool is_meant(const uint8_t *data, size_t size)
{
    struct asking a = {.count = 0, .taken = true};
    if (!is_object(data, size))
        return false;
    if (data[0] == KIND_BLOCK && array_has_opinions()) {
        block_words(data, size, ask_about, &a);
        ask_array(&a);
    }
    return a.taken;
}

static void on_put(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 24) {
        error(s, request, ERR_MALFORMED, "PUT does not parse");
        return;
    }
    uint32_t total = u32(p + 16), offset = u32(p + 20);
    struct object *o = store_find(p);
    uint8_t digest[16];
    size -= 24;
    if (o && o->whole) {
        stored(s, request, o);
        return;
    }
    if (!total || total > MAX_OBJECT || total > config.memory || offset != (o ? o->of.received : 0) || (o && total != o->size) || size > total - offset) {
        error(s, request, ERR_BAD_UPLOAD, "this part does not continue what came in, or the object is too large");
        return;
    }
    if (!o && !(o = store_begin(&store, p, total))) {
        error(s, request, ERR_NO_ROOM, "the object does not fit");
        return;
    }
    memcpy(o->data + offset, p + 24, size);
    o->of.received += (uint32_t)size;
    frame_part_came(0);
    if (o->of.received < total)
        return;
    blake2b_128(digest, o->data, total);
    enum error code = memcmp(digest, p, 16) ? ERR_DIGEST_MISMATCH : !is_meant(o->data, total) ? ERR_BAD_OBJECT
                    : !store_finish(&store, o) ? ERR_NO_ROOM : 0;
    if (code) {
        error(s, request, code, code == ERR_NO_ROOM ? "the instruction store has no room" : "not these bytes");
        store_drop(&store, o);
    } else {
        stored(s, request, o);
    }
}

/* The next of the objects in a PUT_SEVERAL; NULL where there are fewer bytes than it says. */
static const uint8_t *next_together(const uint8_t *p, size_t size, size_t *at, uint32_t *length)
{
    if (size - *at < 2 || size - *at - 2 < u16(p + *at))
        return NULL;
    const uint8_t *data = p + *at + 2;
    *length = u16(p + *at);
    *at += 2 + *length;
    return data;
}

static enum error wrong_whole(const uint8_t digest[16], const uint8_t *data, uint32_t length)  /* 0: right */
{
    struct object *o = store_find(digest);
    if (o && o->whole)
        return 0;
    if (o || !length || length > MAX_OBJECT || length > config.memory)
        return ERR_BAD_UPLOAD;
    return is_meant(data, length) ? 0 : ERR_BAD_OBJECT;
}

enum { EVICTED_AT = 18 };                              /* in a STORED_SEVERAL */

/* Adds a digest to the answer's list, once. */
static void add_evicted(const uint8_t digest[16])
{
    for (size_t at = EVICTED_AT; at < added(); at += 16)
        if (!memcmp(body() + at, digest, 16))
            return;
    add_bytes(digest, 16);
}

/* Takes those that came again out of the list. */
static void leave_out_resident(void)
{
    size_t kept = EVICTED_AT, end = added();
    for (size_t at = EVICTED_AT; at < end; at += 16)
        if (!resident(body() + at, 0)) {
            shorten(kept);
            memmove(add_room(16), body() + at, 16);
            kept += 16;
        }
    shorten(kept);
}

static bool store_whole(const uint8_t digest[16], const uint8_t *data, uint32_t length)
{
    struct object *o = store_begin(&store, digest, length);
    if (!o)
        return false;
    memcpy(o->data, data, length);
    o->of.received = length;
    frame_part_came(0);
    if (!store_finish(&store, o)) {
        store_drop(&store, o);
        return false;
    }
    const uint8_t *victim;
    for (unsigned i = 0; (victim = store_gone(o, i)); i++)
        add_evicted(victim);
    store_told(o);
    return true;
}

static void on_put_several(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    uint8_t digests[MAX_TOGETHER][16];
    unsigned count = size < 2 ? 0 : u16(p);
    const uint8_t *objects[MAX_TOGETHER];
    uint32_t lengths[MAX_TOGETHER], length = 0;
    size_t at = 2;
    bool parses = size >= 2, absent[MAX_TOGETHER];
    uint8_t all[16];
    for (unsigned i = 0; parses && i < count; i++) {
        const uint8_t *data = next_together(p, size, &at, &length);
        parses = data != NULL;
        if (i < MAX_TOGETHER) {
            objects[i] = data;
            lengths[i] = length;
        }
    }
    if (!parses || at != size) {
        error(s, request, ERR_MALFORMED, "PUT_SEVERAL does not parse");
        return;
    }
    if (!count || count > MAX_TOGETHER) {
        error(s, request, ERR_OUT_OF_RANGE, "1 to 32 objects come together");
        return;
    }
    for (unsigned i = 0; i < count; i++) {             /* all are checked before the first is stored */
        blake2b_128(digests[i], objects[i], lengths[i]);
        enum error code = wrong_whole(digests[i], objects[i], lengths[i]);
        if (code) {
            error(s, request, code, code == ERR_BAD_OBJECT ? "one of the objects is none"
                                                           : "an object's size is wrong, or a part of it came in by PUT");
            return;
        }
        absent[i] = !resident(digests[i], 0);
    }
    blake2b_128(all, digests[0], 16u * count);
    start(MSG_STORED_SEVERAL, request);
    add_bytes(all, 16);
    add(0, 2);
    for (unsigned i = 0; i < count; i++)
        if (absent[i] && !resident(digests[i], 0) && !store_whole(digests[i], objects[i], lengths[i])) {
            error(s, request, ERR_NO_ROOM, "one of the objects does not fit");
            return;
        }
    leave_out_resident();
    overwrite(16, (added() - EVICTED_AT) / 16, 2);
    answer(s);
}

static void on_open_tree(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size != 24) {
        error(s, request, ERR_MALFORMED, "OPEN_TREE does not parse");
        return;
    }
    struct object *o = in_hand() ? NULL : resident_or_flash(p), *gone;
    if (o && o->data[0] != KIND_TREE)
        o = NULL;
    uint32_t limit = u32(p + 16);
    if (in_hand() || u32(p + 20) > 3600000 || !o) {
        error(s, request, in_hand() ? ERR_BUSY : o ? ERR_OUT_OF_RANGE : ERR_NO_TREE,
              in_hand() ? "a frame or program is in hand" : o ? "fault_timeout_ms" : "no such tree is resident");
        return;
    }
    tree_open(p, o, u32(p + 20));
    store_limit(&store, limit && limit < config.memory ? limit : config.memory);
    store_touch(&store, o);                            /* the last to go */
    start(MSG_TREE_OPENED, request);
    add(store.budget, 4);
    add(0, 2);
    while (store.used > store.budget && (gone = store_oldest(&store, false, NULL))) {
        add_bytes(gone->digest, 16);
        store_drop(&store, gone);
    }
    overwrite(4, (added() - 6) / 16, 2);
    answer(s);
}

static void on_start_frame(struct session *s, uint16_t request, const uint8_t *p)
{
    if (in_hand() || !tree_is_open()) {
        error(s, request, tree_is_open() ? ERR_BUSY : ERR_NO_TREE,
              tree_is_open() ? "a frame or program is in hand" : "no tree is open");
        return;
    }
    frame_begin(s, request, u32(p));
}

static void on_show(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    unsigned rows = u16(p + 5), columns = u16(p + 7);
    bool ends = !rows && !columns && size == 9, whole = size - 9 == (size_t)rows * columns;
    bool fits = ends || (rows && columns && whole);
    if (!fits || !array_show(u16(p + 1), u16(p + 3), rows, columns, p[0], p + 9)) {
        error(s, request, ERR_CANNOT_SHOW, "the picture does not fit the sensor, or the sensor has optics of its own");
        return;
    }
    start(MSG_DONE, request);
    answer(s);
}

static void on_set_exposure(struct session *s, uint16_t request, const uint8_t *p)
{
    if (!exposure_set(p[0], u32(p + 1))) {
        error(s, request, ERR_OUT_OF_RANGE, "the mode is 0 to 2, the exposure 1 to 1,000,000 us, or 0 to leave it");
        return;
    }
    start(MSG_EXPOSURE, request);
    add(exposure_mode(), 1);
    add(exposure_us(), 4);
    answer(s);
}

static void on_status(struct session *s, uint16_t request)
{
    unsigned connected = 0, objects = 0;
    struct session *d = driver();
    for (int i = 0; i < SESSIONS; i++)
        connected += sessions[i].used && sessions[i].wire;
    for (struct object *o = store_next(NULL); o; o = store_next(o))
        objects += o->whole;
    start(MSG_STATUS, request);
    add(connected, 2);
    add_text(d ? d->client : "");
    add_bytes(tree_digest(), 16);
    add(frame_in_hand(), 1);
    add(frames_done, 8);
    add(store.budget, 4);
    add(store.used, 4);
    add(store.icw_used, 4);
    add(objects, 2);
    add(device_clock.now_ns, 8);
    add(now(), 8);
    add(damaged_frames, 4);
    add(s->resent_bytes, 8);
    answer(s);
}

enum { NO_PLANE = 255, PLANE_HOLD = 500 };              /* ms for which a plane under way keeps the array as it is */

static void on_read_plane(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    static const char *const AREGS[] = {"A", "B", "C", "D", "E", "F", "NEWS", "PIX"};
    static const char *const DREGS[] = {"R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "FLAG"};
    char name[8] = {0};
    if (size < 2 || size != 2u + u16(p) || !is_utf8(p + 2, size - 2)) {
        error(s, request, ERR_MALFORMED, "READ_PLANE does not parse");
        return;
    }
    memcpy(name, p + 2, size - 2 < 7 ? size - 2 : 7);
    uint8_t areg = 0, dreg = 0;
    while (areg < 8 && (size > 9 || strcmp(name, AREGS[areg])))
        areg++;
    while (dreg < 14 && (size > 9 || strcmp(name, DREGS[dreg])))
        dreg++;
    if ((areg == ARRAY_PIX_PLANE || dreg == ARRAY_FLAG_PLANE) && !array_shows_pix_and_flag()) {
        error(s, request, ERR_UNSUPPORTED, "PIX and FLAG leave a chip only through another register");
        return;
    }
    if (areg == 8 && dreg == 14) {
        error(s, request, ERR_OUT_OF_RANGE, "registers are A to F, NEWS, R0 to R12");
        return;
    }
    s->planes[s->plane_count].request = request;
    s->planes[s->plane_count].areg = areg < 8 ? areg : NO_PLANE;
    s->planes[s->plane_count++].dreg = dreg;
}

static uint32_t plane_size(const struct session *s) { return s->planes[0].areg == NO_PLANE ? 8192 : 65536; }

/* A part of an AREG: it comes column by column as ADC codes, and PLANE_PART has levels, row by row. */
static void add_areg_part(unsigned areg, unsigned row)
{
    enum { ROWS = PART / 256 };
    uint8_t *out = add_room(PART);
    uint8_t samples[PART];
    array_grid(areg, row, 0, row + ROWS - 1, 255, 1, 1, samples);
    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned column = 0; column < 256; column++)
            *out++ = (uint8_t)(samples[ROWS * column + r] - 128);
}

static void send_plane_part(struct session *s, uint32_t total)
{
    start(MSG_PLANE_PART, s->planes[0].request);
    add(s->plane_at, 4);
    add(total, 4);
    if (s->planes[0].areg != NO_PLANE) {
        add_areg_part(s->planes[0].areg, s->plane_at / 256);
    } else {
        array_rows(s->planes[0].dreg, s->plane_at / 32, 1, PART / 32, add_room(PART));
    }
    answer(s);
}

/* The objects that an EXECUTE names, into an image; what is wrong with it, or NULL. */
static const char *read_execute(const uint8_t *p, size_t size, struct image *image, bool *parses)
{
    size_t at = 0;
    const char *wrong = NULL;
    image->block_count = image->segment_count = 0;
    for (int list = 0; list < 2; list++) {
        *parses = size >= at + 2 && size >= at + 2 + 16u * u16(p + at);
        if (!*parses)
            return "EXECUTE does not parse";
        unsigned count = u16(p + at);
        *(list ? &image->segment_count : &image->block_count) = count;
        for (unsigned i = 0; i < count && !wrong; i++) {
            struct object *o = resident(p + at + 2 + 16 * i, list ? KIND_SEGMENT : KIND_BLOCK);
            unsigned slot = list ? image->block_count + i : i;
            if (!o || slot >= MOST_SLOTS)
                wrong = "a block or segment is not resident";
            else
                image->slots[slot] = o;
        }
        at += 2 + 16u * count;
    }
    image->object = NULL;
    image->bytes = p + at;
    image->size = size - at;
    if (!wrong && (at == size || p[at] != KIND_PROGRAM || !is_object(p + at, size - at)))
        wrong = "the program is not valid";
    return wrong;
}

static void on_execute(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    struct image image;
    bool parses;
    const char *wrong = read_execute(p, size, &image, &parses);
    if (!parses) {
        error(s, request, ERR_MALFORMED, wrong);
        return;
    }
    if (in_hand()) {
        error(s, request, ERR_BUSY, "a frame or program is in hand");
        return;
    }
    if (!wrong)
        wrong = verify(&image, NULL);
    if (wrong) {
        error(s, request, ERR_BAD_OBJECT, wrong);
        return;
    }
    for (unsigned i = 0; i < image.block_count + image.segment_count; i++)
        store_touch(&store, image.slots[i]);
    program_begin(s, request, &image);
}

static bool is_one_of(uint8_t code, const uint8_t *list) { return strchr((const char *)list, code) != NULL; }

static void handle(struct session *s, const uint8_t *p, size_t size, uint32_t wire_bytes)
{
    static const uint8_t driven[] = {MSG_PUT, MSG_PUT_SEVERAL, MSG_OPEN_TREE, MSG_SHOW, MSG_START_FRAME, MSG_CANCEL_FRAME, MSG_EXECUTE,
                                     MSG_SET_EXPOSURE, 0};
    static const uint8_t four[] = {MSG_PING, MSG_START_FRAME, MSG_CANCEL_FRAME, 0};
    uint16_t request = u16(p + 1);
    const uint8_t *body = p + 9;
    uint8_t code = p[0];
    size -= 9;
    if (code && is_one_of(code, driven) && s->role != DRIVE) {
        error(s, request, ERR_NOT_DRIVER, "another session drives");
        return;
    }
    if ((code && is_one_of(code, four) && size != 4) || (code == MSG_GET_STATUS && size) || (code == MSG_SET_EXPOSURE && size != 5) || (code == MSG_SHOW && size < 9)) {
        error(s, request, ERR_MALFORMED, "the body has not the size of its message");
        return;
    }
    if (code == MSG_PUT || code == MSG_PUT_SEVERAL)
        put_came(wire_bytes);
    switch (code) {
    case MSG_PING:
        start(MSG_PONG, request);
        add_bytes(body, 4);
        answer(s);
        break;
    case MSG_GET_STATUS: on_status(s, request); break;
    case MSG_QUERY: on_query(s, request, body, size); break;
    case MSG_PUT: on_put(s, request, body, size); break;
    case MSG_PUT_SEVERAL: on_put_several(s, request, body, size); break;
    case MSG_OPEN_TREE: on_open_tree(s, request, body, size); break;
    case MSG_START_FRAME: on_start_frame(s, request, body); break;
    case MSG_READ_PLANE: on_read_plane(s, request, body, size); break;
    case MSG_EXECUTE: on_execute(s, request, body, size); break;
    case MSG_SHOW: on_show(s, request, body, size); break;
    case MSG_SET_EXPOSURE: on_set_exposure(s, request, body); break;
    case MSG_CANCEL_FRAME:
        frame_cancel(u32(body));
        start(MSG_DONE, request);
        answer(s);
        break;
    default: error(s, request, ERR_MALFORMED, "no message that a host sends");
    }
}

/* Work between two looks at the wires: requests, then the plane in hand. */

/* Whether a request may have to decode a block: it waits while bits that were read out are in the way, some steps long. */
static bool may_decode(const struct request *r)
{
    return r->payload[0] == MSG_PUT || r->payload[0] == MSG_PUT_SEVERAL || (r->payload[0] == MSG_QUERY && config.flash);
}

void work_off(struct session *s)
{
    while (s->requests.count && can_answer(s) && s->plane_count < PLANES) {
        struct request *r = fifo_oldest(&s->requests);
        if (scratch_is_taken() && may_decode(r))
            break;
        uint32_t wire_bytes = r->wire_bytes;
        handle(s, r->payload, r->size, wire_bytes);
        fifo_give_back(&s->requests, (uint32_t)(sizeof *r + r->size));
        s->handled++;
        s->held_bytes -= wire_bytes;
        s->handled_bytes += wire_bytes;
    }
    while (s->plane_count && has_room_for_bulk(s)) {
        uint32_t total = plane_size(s);
        if (!s->plane_at) {
            array_elapse(device_clock.now_ns);
            s->plane_since = now();
        }
        send_plane_part(s, total);
        if ((s->plane_at += PART) == total) {
            s->plane_at = 0;
            memmove(s->planes, s->planes + 1, --s->plane_count * sizeof *s->planes);
        }
    }
    s->waiting = s->plane_count || s->requests.count;
}

bool plane_under_way(void)
{
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used && sessions[i].wire && sessions[i].plane_at && now() - sessions[i].plane_since < PLANE_HOLD)
            return true;
    return false;
}
