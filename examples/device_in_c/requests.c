/* What a session asks for, as far as a device without an array can go: docs/reference/protocol.md, "What a device does". */
#include "device.h"

#include <string.h>
#include <stdlib.h>

static bool is_needed(const uint8_t digest[16]);
static struct store store = {.budget = MEMORY, .icw_room = ICW_STORE, .is_needed = is_needed};
static struct { bool open; uint8_t digest[16], capture[16]; uint32_t fault_timeout; } tree;
static struct {
    struct session *session;                           /* NULL: no frame is in hand */
    uint16_t request;
    uint32_t number;
    uint8_t missing[511][16];
    unsigned missing_count;
    uint64_t part_at;                                  /* when a part of an object last came in */
} frame;

void driver_left(void)                                 /* objects and uploads stay */
{
    frame.session = NULL;
    tree.open = false;
    store_limit(&store, MEMORY);
}

void driver_is_back(struct session *s)
{
    if (s == frame.session)
        frame.part_at = now();                         /* its host could send nothing meanwhile */
}

static bool is_needed(const uint8_t digest[16])        /* by the frame in hand */
{
    if (!frame.session)
        return false;
    struct object *o = store_find(&store, tree.capture);
    if (!memcmp(digest, tree.capture, 16))
        return true;
    if (!o || !o->whole)
        return false;
    unsigned blocks = o->data[18], count = 1 + blocks + o->data[19 + 16 * blocks];
    for (unsigned i = 0; i < count; i++)
        if (!memcmp(digest, i ? o->data + (i <= blocks ? 3 : 4) + 16 * i : o->data + 2, 16))
            return true;
    return false;
}

static struct object *resident(const uint8_t digest[16], enum kind kind)   /* kind 0: any */
{
    struct object *o = store_find(&store, digest);
    return o && o->whole && (!kind || o->data[0] == kind) ? o : NULL;
}

static void on_query(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 2 || size != 2 + 16u * u16(p)) {
        error(s, request, ERR_MALFORMED, "QUERY does not parse");
        return;
    }
    start(MSG_HOLDINGS, request);
    add(u16(p), 2);
    for (unsigned i = 0; i < u16(p); i++) {
        struct object *o = store_find(&store, p + 2 + 16 * i);
        add(!o ? 0 : o->whole ? 0xFFFFFFFF : o->received, 4);
        if (o && s->role == DRIVE)
            store_touch(&store, o);
    }
    answer(s);
}

static void stored(struct session *s, uint16_t request, struct object *o)
{
    start(MSG_STORED, request);
    add_bytes(o->digest, 16);
    add(o->evicted_count, 2);
    add_bytes(o->evicted, 16u * o->evicted_count);
    answer(s);
    free(o->evicted);
    o->evicted = NULL;
    o->evicted_count = 0;
}

static void on_put(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 24) {
        error(s, request, ERR_MALFORMED, "PUT does not parse");
        return;
    }
    uint32_t total = u32(p + 16), offset = u32(p + 20);
    struct object *o = store_find(&store, p);
    uint8_t digest[16];
    size -= 24;
    if (o && o->whole) {
        stored(s, request, o);
        return;
    }
    if (!total || total > MAX_OBJECT || offset != (o ? o->received : 0) || (o && total != o->size) || size > total - offset) {
        error(s, request, ERR_BAD_UPLOAD, "this part does not continue what came in, or the object is too large");
        return;
    }
    if (!o && !(o = store_begin(&store, p, total))) {
        error(s, request, ERR_NO_ROOM, "the object does not fit");
        return;
    }
    memcpy(o->data + offset, p + 24, size);
    o->received += (uint32_t)size;
    frame.part_at = now();
    if (o->received < total)
        return;
    blake2b_128(digest, o->data, total);
    enum error code = memcmp(digest, p, 16) ? ERR_DIGEST_MISMATCH : !is_object(o->data, total) ? ERR_BAD_OBJECT
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
    struct object *o = store_find(&store, digest);
    if (o && o->whole)
        return 0;
    if (o || !length || length > MAX_OBJECT)
        return ERR_BAD_UPLOAD;
    return is_object(data, length) ? 0 : ERR_BAD_OBJECT;
}

static bool store_whole(const uint8_t digest[16], const uint8_t *data, uint32_t length,
                        uint8_t (*evicted)[16], unsigned *evicted_count)
{
    struct object *o = store_begin(&store, digest, length);
    if (!o)
        return false;
    memcpy(o->data, data, length);
    o->received = length;
    frame.part_at = now();
    if (!store_finish(&store, o)) {
        store_drop(&store, o);
        return false;
    }
    for (unsigned i = 0; i < o->evicted_count; i++) {
        unsigned k = 0;
        while (k < *evicted_count && memcmp(evicted[k], o->evicted[i], 16))
            k++;
        memcpy(evicted[k], o->evicted[i], 16);
        *evicted_count += k == *evicted_count;
    }
    free(o->evicted);
    o->evicted = NULL;
    o->evicted_count = 0;
    return true;
}

static void on_put_several(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    static uint8_t digests[MAX_TOGETHER][16], evicted[MAX_OBJECTS + MAX_TOGETHER][16];
    unsigned count = size < 2 ? 0 : u16(p), evicted_count = 0, gone = 0;
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
    for (unsigned i = 0; i < count; i++)
        if (absent[i] && !resident(digests[i], 0)
            && !store_whole(digests[i], objects[i], lengths[i], evicted, &evicted_count)) {
            error(s, request, ERR_NO_ROOM, "one of the objects does not fit");
            return;
        }
    blake2b_128(all, digests[0], 16u * count);
    start(MSG_STORED_SEVERAL, request);
    add_bytes(all, 16);
    add(0, 2);
    for (unsigned i = 0; i < evicted_count; i++)
        if (!resident(evicted[i], 0)) {
            add_bytes(evicted[i], 16);
            gone++;
        }
    overwrite(16, gone, 2);
    answer(s);
}

static void on_open_tree(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size != 24) {
        error(s, request, ERR_MALFORMED, "OPEN_TREE does not parse");
        return;
    }
    struct object *o = resident(p, KIND_TREE), *gone;
    if (frame.session || u32(p + 20) > 3600000 || !o) {
        error(s, request, frame.session ? ERR_BUSY : o ? ERR_OUT_OF_RANGE : ERR_NO_TREE,
              frame.session ? "a frame is in hand" : o ? "fault_timeout_ms" : "no such tree is resident");
        return;
    }
    tree.open = true;
    memcpy(tree.digest, p, 16);
    memcpy(tree.capture, o->data + 3, 16);
    tree.fault_timeout = u32(p + 20);
    store_limit(&store, u32(p + 16) && u32(p + 16) < MEMORY ? u32(p + 16) : MEMORY);
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
    if (frame.session || !tree.open) {
        error(s, request, tree.open ? ERR_BUSY : ERR_NO_TREE, tree.open ? "a frame is in hand" : "no tree is open");
        return;
    }
    frame.session = s;
    frame.request = request;
    frame.number = u32(p);
    frame.missing_count = 0;
    frame.part_at = now();
}

static void on_status(struct session *s, uint16_t request)
{
    static const uint8_t none[16];
    unsigned connected = 0, objects = 0;
    struct session *d = driver();
    for (int i = 0; i < SESSIONS; i++)
        connected += sessions[i].used && sessions[i].wire;
    for (struct object *o = store.first; o; o = o->next)
        objects += o->whole;
    start(MSG_STATUS, request);
    add(connected, 2);
    add_text(d ? d->client : "");
    add_bytes(tree.open ? tree.digest : none, 16);
    add(frame.session != NULL, 1);
    add(0, 8);                                         /* no frame ever ends with a result */
    add(store.budget, 4);
    add(store.used, 4);
    add(store.icw_used, 4);
    add(objects, 2);
    add((now()) * 1000000, 8);
    add(now(), 8);
    add(damaged_frames, 4);
    add(s->resent_bytes, 8);
    answer(s);
}

static void on_read_plane(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    char name[8] = {0};
    if (size < 2 || size != 2u + u16(p) || !is_utf8(p + 2, size - 2)) {
        error(s, request, ERR_MALFORMED, "READ_PLANE does not parse");
        return;
    }
    memcpy(name, p + 2, size - 2 < 7 ? size - 2 : 7);
    bool areg = (size == 3 && *name >= 'A' && *name <= 'F') || (size == 6 && !strcmp(name, "NEWS"));
    bool dreg = *name == 'R' && ((size == 4 && name[1] >= '0' && name[1] <= '9')
                                 || (size == 5 && name[1] == '1' && name[2] >= '0' && name[2] <= '2'));
    if ((size == 5 && !strcmp(name, "PIX")) || (size == 6 && !strcmp(name, "FLAG"))) {
        error(s, request, ERR_UNSUPPORTED, "PIX and FLAG leave a chip only through another register");
        return;
    }
    if (!areg && !dreg) {
        error(s, request, ERR_OUT_OF_RANGE, "registers are A to F, NEWS, R0 to R12");
        return;
    }
    s->planes[s->plane_count].request = request;
    s->planes[s->plane_count++].total = areg ? 65536 : 8192;
}

static void on_execute(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    size_t at = 0;
    const char *wrong = frame.session ? "a frame is in hand" : NULL;
    for (int list = 0; list < 2; list++) {
        if (size < at + 2 || size < at + 2 + 16u * u16(p + at)) {
            error(s, request, ERR_MALFORMED, "EXECUTE does not parse");
            return;
        }
        for (unsigned i = 0; i < u16(p + at) && !wrong; i++)
            if (!resident(p + at + 2 + 16 * i, list ? KIND_SEGMENT : KIND_BLOCK))
                wrong = "a block or segment is not resident";
        at += 2 + 16u * u16(p + at);
    }
    if (!wrong && (!is_object(p + at, size - at) || p[at] != KIND_PROGRAM))
        wrong = "the program is not valid";
    error(s, request, frame.session ? ERR_BUSY : wrong ? ERR_BAD_OBJECT : ERR_UNSUPPORTED,
          wrong ? wrong : "this device has no array to run programs on");
}

static bool is_one_of(uint8_t code, const uint8_t *list) { return strchr((const char *)list, code) != NULL; }

static void handle(struct session *s, const uint8_t *p, size_t size)
{
    static const uint8_t driven[] = {MSG_PUT, MSG_PUT_SEVERAL, MSG_OPEN_TREE, MSG_SCENE, MSG_START_FRAME, MSG_CANCEL_FRAME, MSG_EXECUTE, 0};
    static const uint8_t four[] = {MSG_PING, MSG_START_FRAME, MSG_CANCEL_FRAME, 0};
    uint16_t request = u16(p + 1);
    const uint8_t *body = p + 9;
    uint8_t code = p[0];
    size -= 9;
    if (code && is_one_of(code, driven) && s->role != DRIVE) {
        error(s, request, ERR_NOT_DRIVER, "another session drives");
        return;
    }
    if ((code && is_one_of(code, four) && size != 4) || (code == MSG_GET_STATUS && size) || (code == MSG_SCENE && size < 9)) {
        error(s, request, ERR_MALFORMED, "the body has not the size of its message");
        return;
    }
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
    case MSG_SCENE: error(s, request, ERR_BAD_SCENE, "this device is shown nothing"); break;
    case MSG_CANCEL_FRAME:
        if (frame.session && frame.number == u32(body))
            frame.session = NULL;
        start(MSG_DONE, request);
        answer(s);
        break;
    default: error(s, request, ERR_MALFORMED, "no message that a host sends");
    }
}

/* Work between two looks at the wires: requests, the plane in hand, the frame in hand. */

void work_off(struct session *s)
{
    static const uint8_t zeros[PART];
    while (s->queue && can_answer(s) && s->plane_count < PLANES) {
        struct request *r = s->queue;
        handle(s, r->payload, r->size);
        if (!(s->queue = r->next))
            s->queue_end = &s->queue;
        s->handled++;
        s->held_bytes -= r->wire_bytes;
        s->handled_bytes += r->wire_bytes;
        free(r);
    }
    while (s->plane_count && (uint16_t)(s->next - s->peer_handled) < KEPT / 2
           && s->unhandled_bytes < SEND_WINDOW / 2) {          /* the rest is for what overtakes planes */
        start(MSG_PLANE_PART, s->planes[0].request);
        add(s->plane_at, 4);
        add(s->planes[0].total, 4);
        add_bytes(zeros, PART);
        answer(s);
        if ((s->plane_at += PART) == s->planes[0].total) {
            s->plane_at = 0;
            memmove(s->planes, s->planes + 1, --s->plane_count * sizeof *s->planes);
        }
    }
    s->waiting = s->plane_count || s->queue;
}

static void add_missing(uint8_t (*list)[16], unsigned *count, const uint8_t *digest, enum kind kind, bool *wrong)
{
    struct object *o = resident(digest, 0);
    for (unsigned i = 0; i < *count; i++)
        if (!memcmp(list[i], digest, 16))
            return;
    if (o)
        *wrong |= o->data[0] != kind;
    else
        memcpy(list[(*count)++], digest, 16);
}

static bool has_news(uint8_t (*missing)[16], unsigned count)   /* what the last FAULT did not name */
{
    for (unsigned i = 0, k; i < count; i++) {
        for (k = 0; k < frame.missing_count && memcmp(missing[i], frame.missing[k], 16); k++) { }
        if (k == frame.missing_count)
            return true;
    }
    return false;
}

void work_on_frame(void)                        /* as far as a device without an array can go */
{
    static uint8_t missing[511][16];
    unsigned count = 0;
    struct session *s = frame.session;
    bool wrong = false;
    if (!s || !can_answer(s))
        return;
    add_missing(missing, &count, tree.capture, KIND_NODE, &wrong);
    if (!count && !wrong) {
        const uint8_t *p = resident(tree.capture, KIND_NODE)->data;
        unsigned blocks = p[18], segments = p[19 + 16 * blocks];
        add_missing(missing, &count, p + 2, KIND_PROGRAM, &wrong);
        for (unsigned i = 0; i < blocks; i++)
            add_missing(missing, &count, p + 19 + 16 * i, KIND_BLOCK, &wrong);
        for (unsigned i = 0; i < segments; i++)
            add_missing(missing, &count, p + 20 + 16 * (blocks + i), KIND_SEGMENT, &wrong);
    }
    if (wrong || !count) {
        error(s, frame.request, wrong ? ERR_BAD_TREE : ERR_UNSUPPORTED,
              wrong ? "an object of the capture node is of the wrong kind" : "this device has no array to run nodes on");
        frame.session = NULL;
    } else if (has_news(missing, count)) {
        memcpy(frame.missing, missing, 16 * count);
        frame.missing_count = count;
        frame.part_at = now();
        start(MSG_FAULT, frame.request);
        add(frame.number, 4);
        add_bytes(tree.capture, 16);
        add(count, 2);
        add_bytes(missing, 16 * count);
        answer(s);
    } else if (s->wire && now() - frame.part_at >= tree.fault_timeout) {
        error(s, frame.request, ERR_FAULT_TIMEOUT, "missing objects did not come");
        frame.session = NULL;
    }
}
