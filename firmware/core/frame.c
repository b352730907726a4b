/* A frame's way from its exposure through the nodes of the tree, and a program of EXECUTE: one step at a time, so that
 * the link is served in between. */
#include "frame.h"

#include <string.h>

enum { IDLE, WANTS_NODE, RUNS, PROGRAM_RUNS };

struct visit { uint8_t node[16]; uint16_t outcome, logit_count; uint64_t ns; };

static struct { bool open; uint8_t digest[16], capture[16], root[16], input; uint32_t fault_timeout; } tree;

static struct {
    int state;
    struct session *session;
    uint16_t request;
    uint32_t number;
    uint8_t node[16], missing[2 * MOST_SLOTS + 2][16];
    unsigned missing_count;
    uint64_t part_at;                                  /* ms: when a part of an object last came in */
    bool capturing, sent_part;
    uint64_t started_ns, started_words, node_started_ns, capture_ns, stall_ns;
    struct visit path[MAX_DEPTH];
    unsigned depth, logit_at, earlier_at, earlier_count;
    uint32_t part;                                     /* of a read-out: what was sent of it */
    uint64_t read_out;                                 /* bytes read out by a program */
} hand;

static int32_t logits[3 * MOST_LOGITS];                /* of the path and the node that runs; behind, of one that proceeds */
static struct image image;
static struct run run;
uint64_t frames_done;

bool in_hand(void) { return hand.state != IDLE; }
bool frame_in_hand(void) { return hand.state == WANTS_NODE || hand.state == RUNS; }
void drop_in_hand(void) { hand.state = IDLE; }
void tree_close(void) { tree.open = false; }
bool tree_is_open(void) { return tree.open; }

const uint8_t *tree_digest(void)
{
    static const uint8_t none[16];
    return tree.open ? tree.digest : none;
}

void tree_open(const uint8_t digest[16], const struct object *o, uint32_t fault_timeout_ms)
{
    tree.open = true;
    memcpy(tree.digest, digest, 16);
    tree.input = o->data[2];
    memcpy(tree.capture, o->data + 3, 16);
    memcpy(tree.root, o->data + 19, 16);
    tree.fault_timeout = fault_timeout_ms;
}

struct object *resident(const uint8_t digest[16], enum kind kind)
{
    struct object *o = store_find(&store, digest);
    return o && o->whole && (!kind || o->data[0] == kind) ? o : NULL;
}

/* What a node needs beside its manifest: program, blocks, segments, in this order. */
static unsigned needs_of(const struct object *node) { return 1u + node->data[18] + node->data[19 + 16 * node->data[18]]; }

static const uint8_t *need(const struct object *node, unsigned i)
{
    unsigned blocks = node->data[18];
    return i == 0 ? node->data + 2 : node->data + (i <= blocks ? 3 : 4) + 16 * i;
}

bool is_needed(const uint8_t digest[16])
{
    if (hand.state == PROGRAM_RUNS) {
        for (unsigned i = 0; i < image.block_count; i++)
            if (!memcmp(image.blocks[i]->digest, digest, 16))
                return true;
        for (unsigned i = 0; i < image.segment_count; i++)
            if (!memcmp(image.segments[i]->digest, digest, 16))
                return true;
        return false;
    }
    if (hand.state == IDLE)
        return false;
    if (!memcmp(digest, hand.node, 16))
        return true;
    struct object *node = resident(hand.node, KIND_NODE);
    for (unsigned i = 0; node && i < needs_of(node); i++)
        if (!memcmp(digest, need(node, i), 16))
            return true;
    return false;
}

/* ---- waiting for objects ---- */

static bool waits(void) { return hand.state == WANTS_NODE && hand.missing_count; }

void put_came(uint32_t wire_bytes)
{
    if (!waits())
        return;
    hand.stall_ns += line_ns(wire_bytes);
    charge(line_ns(wire_bytes));
}

void frame_part_came(uint32_t wire_bytes)
{
    (void)wire_bytes;
    hand.part_at = now();
}

void driver_present(struct session *s)
{
    if (in_hand() && s == hand.session)
        hand.part_at = now();                          /* its host could send nothing meanwhile */
}

static bool was_reported(const uint8_t digest[16])
{
    for (unsigned i = 0; i < hand.missing_count; i++)
        if (!memcmp(digest, hand.missing[i], 16))
            return true;
    return false;
}

static void fail(enum error code, const char *why)
{
    error(hand.session, hand.request, code, why);
    hand.state = IDLE;
}

static void add_once(uint8_t (*list)[16], unsigned *count, const uint8_t *digest)
{
    for (unsigned i = 0; i < *count; i++)
        if (!memcmp(list[i], digest, 16))
            return;
    memcpy(list[(*count)++], digest, 16);
}

/* What the node lacks; what it has becomes the most recently used, in the order in which the manifest names it. */
static unsigned missing_of(uint8_t (*list)[16])
{
    unsigned count = 0;
    struct object *node = resident(hand.node, 0), *o;
    if (!node) {
        memcpy(list[count++], hand.node, 16);
        return count;
    }
    store_touch(&store, node);
    for (unsigned i = 0; node->data[0] == KIND_NODE && i < needs_of(node); i++) {
        if ((o = resident(need(node, i), 0)))
            store_touch(&store, o);
        else
            add_once(list, &count, need(node, i));
    }
    return count;
}

static void report(uint8_t (*list)[16], unsigned count)
{
    bool news = false;
    for (unsigned i = 0; i < count; i++)
        news |= !was_reported(list[i]);
    if (news) {
        memcpy(hand.missing, list, 16 * count);
        hand.missing_count = count;
        hand.part_at = now();
        start(MSG_FAULT, hand.request);
        add(hand.number, 4);
        add_bytes(hand.node, 16);
        add(count, 2);
        add_bytes(list, 16 * count);
        answer(hand.session);
    } else if (hand.session->wire && now() - hand.part_at >= tree.fault_timeout) {
        fail(ERR_FAULT_TIMEOUT, "missing objects did not come");
    }
}

/* ---- a node ---- */

static bool gather(const struct object *node)          /* its objects, all resident; false where a kind is wrong */
{
    unsigned blocks = node->data[18], segments = needs_of(node) - 1 - blocks;
    struct object *program = resident(need(node, 0), KIND_PROGRAM);
    if (!program)
        return false;
    image.object = program;
    image.size = program->size;
    image.block_count = blocks;
    image.segment_count = segments;
    for (unsigned i = 0; i < blocks; i++)
        if (!(image.blocks[i] = resident(need(node, 1 + i), KIND_BLOCK)))
            return false;
    for (unsigned i = 0; i < segments; i++)
        if (!(image.segments[i] = resident(need(node, 1 + blocks + i), KIND_SEGMENT)))
            return false;
    return true;
}

static struct manifest manifest_of(const struct object *node)
{
    const uint8_t *p = node->data + 20 + 16 * (needs_of(node) - 1);
    return (struct manifest){u16(p) | (uint32_t)p[2] << AREG_BIT, 1u << tree.input, hand.capturing, u16(p + 3)};
}

static const uint8_t *exit_of(const struct object *node, unsigned outcome)
{
    const uint8_t *p = node->data + 20 + 16 * (needs_of(node) - 1) + 5;
    while (outcome--)
        p += *p ? 17 : 3;
    return p;
}

static void activate(void)
{
    static uint8_t list[2 * MOST_SLOTS + 2][16];
    unsigned count = missing_of(list);
    struct object *node = resident(hand.node, 0);
    if (node && node->data[0] != KIND_NODE) {
        fail(ERR_BAD_TREE, "an object is not the node that the tree takes it for");
        return;
    }
    if (count) {
        report(list, count);
        return;
    }
    hand.missing_count = 0;
    if (!gather(node)) {
        fail(ERR_BAD_TREE, "an object of a node is of the wrong kind");
        return;
    }
    uint8_t key = (uint8_t)(1 + 2 * tree.input + hand.capturing);
    if (node->verified != key) {
        struct manifest manifest = manifest_of(node);
        const char *wrong = verify(&image, &manifest);
        if (wrong) {
            fail(ERR_BAD_TREE, wrong);
            return;
        }
        node->verified = key;
    }
    hand.node_started_ns = device_clock.now_ns;
    run_begin(&run, &image, logits + hand.earlier_at, hand.depth ? hand.earlier_count : 0, logits + hand.logit_at);
    hand.state = RUNS;
}

static void finish(uint16_t label)
{
    charge(COST_RESULT_NS);
    frames_done++;
    hand.state = IDLE;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        unsigned at = 0;
        if (!s->used || (s != hand.session && (s->role != OBSERVE || !has_window(s))))
            continue;
        start(MSG_RESULT, s == hand.session ? hand.request : 0);
        add(hand.number, 4);
        add(label, 2);
        add(hand.depth, 1);
        for (unsigned k = 0; k < hand.depth; k++) {
            const struct visit *visit = &hand.path[k];
            add_bytes(visit->node, 16);
            add(visit->outcome, 2);
            add(visit->logit_count, 2);
            for (unsigned n = 0; n < visit->logit_count; n++)
                add((uint32_t)logits[at++], 4);
            add(visit->ns, 8);
        }
        add(hand.capture_ns, 8);
        add(device_clock.now_ns - hand.started_ns - hand.stall_ns, 8);
        add(hand.stall_ns, 8);
        add(device_clock.words - hand.started_words, 4);
        answer(s);
    }
}

/* The logits of a node that proceeds are of nobody's interest but the next node's: it keeps them behind the path's. */
static void keep_logits(bool told)
{
    if (told) {
        hand.earlier_at = hand.logit_at;
        hand.logit_at += run.logit_count;
    } else {
        memmove(logits + 2 * MOST_LOGITS, run.logits, 4 * run.logit_count);
        hand.earlier_at = 2 * MOST_LOGITS;
    }
    hand.earlier_count = run.logit_count;
}

static void leave(void)
{
    uint64_t elapsed = device_clock.now_ns - hand.node_started_ns;
    hand.state = WANTS_NODE;
    if (hand.capturing) {
        hand.capture_ns = elapsed;
        hand.capturing = false;
        memcpy(hand.node, tree.root, 16);
        return;
    }
    bool told = program_of(&image)[image.size - 1] != STEP_PROCEED;
    struct visit *visit = &hand.path[hand.depth++];
    memcpy(visit->node, hand.node, 16);
    visit->outcome = (uint16_t)run.outcome;
    visit->logit_count = (uint16_t)(told ? run.logit_count : 0);
    visit->ns = elapsed;
    if (run.logit_count > MOST_LOGITS || hand.logit_at + (told ? run.logit_count : 0) > MAX_PATH_LOGITS) {
        fail(ERR_BAD_TREE, "the frame's path has too many logits");
        return;
    }
    keep_logits(told);
    const uint8_t *way = exit_of(resident(hand.node, KIND_NODE), (unsigned)run.outcome);
    if (!*way)
        finish(u16(way + 1));
    else if (hand.depth >= MAX_DEPTH)
        fail(ERR_BAD_TREE, "the frame's path is too long");
    else
        memcpy(hand.node, way + 1, 16);
}

void frame_begin(struct session *s, uint16_t request, uint32_t number)
{
    memset(&hand, 0, sizeof hand);
    hand.state = WANTS_NODE;
    hand.session = s;
    hand.request = request;
    hand.number = number;
    hand.capturing = true;
    hand.part_at = now();
    memcpy(hand.node, tree.capture, 16);
    array_elapse(device_clock.now_ns);
    array_begin_frame(number);
    array_expose();
    hand.started_ns = device_clock.now_ns;
    hand.started_words = device_clock.words;
}

void frame_cancel(uint32_t number)
{
    if (frame_in_hand() && hand.number == number)
        hand.state = IDLE;
}

/* ---- a program of EXECUTE ---- */

void program_begin(struct session *s, uint16_t request, const struct image *given)
{
    memset(&hand, 0, sizeof hand);
    hand.state = PROGRAM_RUNS;
    hand.session = s;
    hand.request = request;
    hand.started_ns = device_clock.now_ns;
    hand.started_words = device_clock.words;
    image = *given;
    run_begin(&run, &image, logits, 0, logits);
}

static bool send_read_out(void)                        /* false where the host's window is full */
{
    while (run.reads_out && (hand.part < run.read_out || !hand.sent_part)) {
        static uint8_t part[PART];
        if (!has_room_for_bulk(hand.session))
            return false;
        uint32_t size = read_part(&run, hand.part, part);
        start(MSG_READ_OUT, hand.request);
        add(run.index - 1, 2);
        add(hand.part, 4);
        add(run.read_out, 4);
        add_bytes(part, size);
        answer(hand.session);
        hand.part += size;
        hand.sent_part = true;
    }
    hand.read_out += run.reads_out ? run.read_out : 0;
    run.reads_out = false;
    hand.part = 0;
    hand.sent_part = false;
    return true;
}

static bool work_on_program(void)
{
    if (!send_read_out())
        return false;
    if (run.index < run.count && !run.failure) {
        run_step(&run);
        return true;
    }
    if (run.failure) {
        fail(ERR_BAD_OBJECT, run.failure);
        return false;
    }
    if (!has_room_for_bulk(hand.session))
        return false;
    if (hand.read_out)
        charge(COST_RESULT_NS + hand.read_out * COST_COPY_BYTE_NS);
    start(MSG_EXECUTED, hand.request);
    add(device_clock.now_ns - hand.started_ns, 8);
    add(device_clock.words - hand.started_words, 4);
    answer(hand.session);
    hand.state = IDLE;
    return false;
}

bool work_in_hand(void)
{
    if (hand.state == IDLE || !can_answer(hand.session) || plane_under_way())
        return false;
    if (hand.state == PROGRAM_RUNS)
        return work_on_program();
    if (hand.state == WANTS_NODE) {
        activate();
        return hand.state == RUNS;
    }
    if (run.index == run.count) {
        if (!has_window(hand.session))
            return false;
        leave();
        return in_hand();
    }
    run_step(&run);
    if (run.failure)
        fail(ERR_BAD_TREE, run.failure);
    return in_hand();
}
